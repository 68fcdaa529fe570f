# SPDX-License-Identifier: Apache-2.0
"""conf/grafana/pycapa.json against what Grafana has published of its format."""
import enum
import json
import os
import sys
import types
import typing

import pytest

from harness.daemon import TREE
from harness.wheel import unpacked

pytestmark = pytest.mark.long  # fetches what it compares with

# Made by Grafana's developers from the schemas of Grafana 10.1.
MODELS = 'grafana_foundation_sdk==1769699998!10.1.0'
MODELS_SHA256 = 'd131ffe49057fb669ba31ce7e28a303c96b3aecf4332b20de33cfa55110d498c'
# What Grafana itself writes, for its list of variables, and its schema of then leaves out.
UNNAMED = 'definition'
LOST = object()


@pytest.fixture
def models(monkeypatch):
    monkeypatch.syspath_prepend(unpacked(MODELS, MODELS_SHA256))
    from grafana_foundation_sdk.cog import plugins
    plugins.register_default_plugins()
    yield
    for name in [name for name in sys.modules if name.startswith('grafana_foundation_sdk')]:
        del sys.modules[name]


@pytest.fixture
def written():
    with open(os.path.join(TREE, 'conf/grafana/pycapa.json')) as f:
        dashboard = json.load(f)
    for variable in dashboard['templating']['list']:
        variable.pop(UNNAMED, None)
    return dashboard


def misfits(value, hint, path=''):
    """[(where, value)] of what is not as the type that the schema has there."""
    args, kind = typing.get_args(hint), typing.get_origin(hint) or hint
    if kind in (typing.Union, types.UnionType):
        # The one that fits, or of which the most does.
        return max((misfits(value, one, path) for one in args), key=lambda found: max(
            (where.count('/') for where, _ in found), default=99))
    if kind in (object, typing.Any):  # by the panel's type: what was made of it says what it is
        kind = type(value)
    if kind is typing.Literal or issubclass(kind, enum.Enum):
        return [] if value in (args or list(kind)) else [(path, value)]
    if not isinstance(value, (int, float) if kind is float else kind):
        return [(path, value)]
    inside = []
    if kind is list and args:
        inside = [(i, v, args[0]) for i, v in enumerate(value)]
    elif kind is dict and args:
        inside = [(k, v, args[1]) for k, v in value.items()]
    elif hasattr(value, 'from_json'):
        hints = typing.get_type_hints(type(value))
        inside = [(k, v, hints[k]) for k, v in vars(value).items()]
    return [m for k, v, one in inside for m in misfits(v, one, f'{path}/{k}')]


def lost(value, kept, path=''):
    """[where] of what the schema has no name for: it is not in `kept`."""
    if isinstance(value, dict) and isinstance(kept, dict):
        inside = [(k, v, kept.get(k, LOST)) for k, v in value.items()]
    elif isinstance(value, list) and isinstance(kept, list) and len(value) == len(kept):
        inside = [(i, v, kept[i]) for i, v in enumerate(value)]
    else:
        return [] if value == kept else [path]
    return [where for k, v, other in inside for where in lost(v, other, f'{path}/{k}')]


def encoded(read):
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    return json.loads(JSONEncoder(sort_keys=True).encode(read))


def test_grafanas_schema_knows_all_of_it(models, written):
    from grafana_foundation_sdk.models.dashboard import Dashboard
    read = Dashboard.from_json(written)
    assert lost(written, encoded(read)) == []
    assert misfits(read, Dashboard) == []


def test_a_fault_is_seen(models, written):
    from grafana_foundation_sdk.models.dashboard import Dashboard
    stat = next(p for p in written['panels'] if p['type'] == 'stat')
    stat['options']['graphMode'] = 'bar'
    stat['fieldConfig']['defaults']['unit'] = 5
    stat['targets'][0]['expression'] = 'up'
    read = Dashboard.from_json(written)
    assert {path.rpartition('/')[2] for path, _ in misfits(read, Dashboard)} == {
        'graph_mode', 'unit'}
    assert [path.rpartition('/')[2] for path in lost(written, encoded(read))] == ['expression']
