# SPDX-License-Identifier: Apache-2.0
"""
The table of what each way of authentication did: authentication.md in the tests' cache, a row for
mechanism, librdkafka, mode and credentials, made anew by whatever tests ran last.
"""
import fcntl
import json
import os
import re

from .wheel import CACHE

PATH = os.path.join(CACHE, 'authentication.md')
HEAD = ['mechanism', 'librdkafka', 'mode', 'credentials', 'result']


def plain(text):
    """A log line without what differs from run to run."""
    text = re.sub(r'/\S*/([\w.-]+\.(?:keytab|crt|key|pem|cfg))', r'…/\1', text)
    text = re.sub(r'FILE:\S*?\)', 'FILE:…)', text)
    text = re.sub(r'(localhost|\d+\.\d+\.\d+\.\d+):\d+', r'\1:PORT', text)
    text = re.sub(r'\(after \d+ms in state', '(after … ms in state', text)
    return text.replace('|', '\\|')


def record(mechanism, library, mode, credentials, result):
    os.makedirs(CACHE, exist_ok=True)
    store = os.path.join(CACHE, 'authentication.json')
    with open(store, 'a+') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.seek(0)
        rows = json.loads(f.read() or '{}')
        rows['|'.join([mechanism, library, mode, credentials])] = plain(result)
        f.truncate(0)
        f.write(json.dumps(rows))
        f.flush()
        lines = [HEAD, ['---'] * len(HEAD)]
        lines += [[*key.split('|'), value] for key, value in sorted(rows.items())]
        with open(PATH, 'w') as table:
            table.writelines('| ' + ' | '.join(line) + ' |\n' for line in lines)
