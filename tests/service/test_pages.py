# SPDX-License-Identifier: Apache-2.0
"""The man pages, the completion and the examples say what the program says."""
import os
import re

import pytest

from harness import daemon
from harness.proc import run

DOCS = os.path.join(daemon.TREE, 'docs')
RELOAD = {'now': 'applied', 'capture': 'applied, by a new capture handle',
          'client': 'applied, by a new Kafka client', 'restart': 'needs a restart'}


def page(name):
    """A page as words: scdoc's marks taken off."""
    with open(os.path.join(DOCS, name + '.scd')) as f:
        return f.read()


def plain(text):
    text = re.sub(r'(?<!\\)[*]|(?<![\w\\])_|(?<!\\)_(?!\w)', '', text)
    return ' '.join(re.sub(r'\\(.)', r'\1', text).split())


def settings():
    """The table of settings.c, as dictionaries."""
    names = ('name', 'short', 'type', 'scope', 'role', 'default', 'range', 'unit', 'change', 'help')
    dump = run(os.path.join(daemon.BUILD, 'tests/unit/settings-dump')).stdout
    rows = [dict(zip(names, line.split('\t'))) for line in dump.splitlines()]
    assert len(rows) > 30
    return rows


def usage():
    """[(option as shown, its text)] of --help."""
    out, current = [], None
    for line in run(daemon.BINARY, '--help').stdout.splitlines():
        entry = re.match(r'  (\s*(?:-|EXPRESSION)\S?.*?)(?:\s{2,}(\S.*))?$', line)
        if entry and not line.startswith(' ' * 20):
            current = [entry.group(1).strip(), [entry.group(2) or '']]
            out.append(current)
        elif line.startswith(' ' * 20) and current:
            current[1].append(line)
        else:
            current = None
    assert len(out) > 25
    return [(name, ' '.join(' '.join(text).split())) for name, text in out]


def test_pycapa_1_has_every_option_of_help_word_for_word():
    words = plain(page('pycapa.1'))
    for name, text in usage():
        assert f'{name} {text}' in words, name


def test_pycapa_1_has_no_other_option():
    known = {o for name, _ in usage() for o in re.findall(r'--[a-z-]+', name)}
    section = page('pycapa.1').split('# OPTIONS')[1].split('# SIGNALS')[0]
    assert set(re.findall(r'^(?:\*-\w+\*, )?\*(--[a-z-]+)\*', section, re.M)) == known


def test_pycapa_cfg_5_has_every_key_with_default_range_and_reload():
    text = page('pycapa.cfg.5')
    keys = [s for s in settings() if s['scope'] in ('file', 'both')]
    for key in keys:
        match = re.search(rf'^\*{key["name"]}\* \({key["type"]}\)\n((?:\t.*\n|\n(?=\t))+)', text,
                          re.M)
        assert match, key['name']
        words = plain(match.group(1))
        assert key['help'] in words, key['name']
        default = key['default'] if key['default'] != '-' else 'none'
        assert f'Default: {default}.' in words, words
        if key['range'] != '-':
            assert f'Values: {key["range"]}.' in words, words
        if key['type'] in ('size', 'time'):
            assert f'A number without a unit is in {key["unit"]}.' in words, words
        assert words.endswith(f'Reload: {RELOAD[key["change"]]}.'), words
    shown = re.findall(r'^\*([a-z-]+)\* \([a-z]+\)$', text, re.M)
    assert sorted(shown) == sorted(k['name'] for k in keys)


def example_entry(name):
    """(the comment above a key of example.cfg, its value as text)."""
    with open(os.path.join(daemon.TREE, 'conf/example.cfg')) as f:
        found = re.search(rf'\n\n((?:# .*\n)+)#?{name} = (.*)', f.read())
    assert found, name
    return (' '.join(re.sub('^# ', '', found.group(1), flags=re.M).split()),
            found.group(2).rstrip(';').strip('"'))


def test_example_has_every_key_with_help_range_and_reload():
    # What the help text says in options, a file says in keys; of lists it has an example.
    in_keys = {'-r, -e, -a, -m, --from or --to':
               'read-file, exit-at-end, autostop, max-packets, from or to',
               'unless -o': 'unless kafka-offset', 'as -e does': 'as exit-at-end does',
               'With --': 'With ',
               'Repeat the option to combine limits': 'Combine limits in one string'}
    for key in settings():
        if key['scope'] == 'option':
            continue
        text, value = example_entry(key['name'])
        told = []
        if key['default'] not in ('-', value):
            told.append(f'default: {key["default"]}')
        if key['type'] == 'enum':
            told.append(f'one of {key["range"]}')
        elif key['type'] in ('integer', 'size', 'time'):
            told.append(key['range'])
        if key['type'] in ('size', 'time'):
            told.append(f'a number without a unit is in {key["unit"]}')
        told.append('needs a restart' if key['change'] == 'restart' else 'applies on reload')
        words = key['help']
        for option, name in in_keys.items():
            words = words.replace(option, name)
        if key['type'] == 'list':
            assert text.endswith(f' ({"; ".join(told)})'), text
        else:
            assert text == f'{words} ({"; ".join(told)})'


def test_pycapa_8_names_every_event():
    with open(os.path.join(daemon.TREE, 'daemon/base/events.h')) as f:
        ids = re.findall(r'"([0-9a-f]{32})"', f.read())
    assert ids
    for number in ids:
        assert f'*{number}*' in page('pycapa.8')


@pytest.mark.parametrize('name', ['pycapa.1', 'pycapa.8', 'pycapa.cfg.5'])
def test_pages_render_without_a_complaint(name, tmp_path):
    with open(os.path.join(DOCS, name + '.scd')) as f:
        rendered = run('scdoc', stdin=f).stdout
    path = tmp_path / name
    path.write_text(rendered)
    done = run('man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', path)
    assert not done.stderr, done.stderr
    text = re.sub('.\b', '', done.stdout)
    assert '\nNAME\n' in text and '\nSEE ALSO\n' in text


def complete(*words):
    """What bash would offer for the last word."""
    script = '''
        . "$1"; shift
        compopt() { echo "($2)"; }
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _pycapa "$1"
        printf '%s\\n' "${COMPREPLY[@]}"'''
    env = {**os.environ, 'PATH': f'{os.path.dirname(daemon.BINARY)}:{os.environ["PATH"]}'}
    return run('bash', '-c', script, 'bash',
               os.path.join(daemon.TREE, 'conf/pycapa.bash-completion'), 'pycapa', *words,
               env=env).stdout.split()


def test_completion_offers_every_long_option():
    shown = {o for name, _ in usage() for o in re.findall(r'--[a-z-]+', name)}
    assert set(complete('--')) >= shown
    assert complete('--kafka-b') == ['--kafka-broker']


def forms(row):
    return ['--' + row['name']] + (['-' + row['short']] if row['short'] != '-' else [])


def test_completion_offers_values():
    assert 'lo' in complete('--interface', '')
    assert complete('--partition', 'f') == ['flow']
    assert complete('-o', 'st') == ['stored']
    assert complete('--kafka-config', '') == complete('-X', '') == ['list', 'dump']
    rows = [r for r in settings() if r['type'] == 'enum' and r['scope'] != 'file']
    assert len(rows) > 5
    for row in rows:
        for option in forms(row):
            assert complete(option, '') == re.split(', | or ', row['range']), option


def test_completion_offers_files():
    takes = {'FILE': ['(default)'], 'DIRECTORY': ['(dirnames)']}
    entries = [name.split() for name, _ in usage() if name.split()[-1] in takes]
    assert len(entries) > 4
    for *options, value in entries:
        for option in options:
            assert complete(option.rstrip(','), '') == takes[value], option
