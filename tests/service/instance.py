# SPDX-License-Identifier: Apache-2.0
"""One instance of the service in a test host, handled as an operator does: systemctl, journalctl."""
import itertools
import re

from harness import wait

STATS = 'PYCAPA_RECEIVED'
BROKER_LOST = 'MESSAGE_ID=de145b0f25134fecb3d983e4d3523cab'
BROKER_BACK = 'MESSAGE_ID=0941459d6de84fc8860162dc43023562'
COUNTER = itertools.count()
# The counters that add up to what was received, or recovered from the spool.
ACCOUNT = ('DELIVERED', 'QUEUED', 'SPOOLED', 'FAILED', 'DROPPED', 'OWN')


def quote(value):
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return '(' + ', '.join(quote(v) for v in value) + ')'
    return '"' + str(value).replace('\\', '\\\\').replace('"', '\\"') + '"'


class Instance:
    def __init__(self, host, name, broker=None, topic=None, **keys):
        self.host = host
        self.name = name
        self.unit = f'pycapa@{name}.service'
        self.path = f'{host.confdir}/{name}.cfg'
        self.keys = {'mode': 'producer', 'kafka_config': ['linger.ms=5'], **keys}
        if broker:
            self.keys['kafka_broker'] = broker.outer
        if topic:
            self.keys['kafka_topic'] = topic
        self.cursor = host.cursor()

    def configure(self, **keys):
        """Changes keys (None takes one away) and writes the file."""
        self.keys.update(keys)
        self.keys = {k: v for k, v in self.keys.items() if v is not None}
        self.write(''.join(f'{k.replace("_", "-")} = {quote(v)};\n' for k, v in self.keys.items()))
        return self

    def write(self, text):
        self.host.write(self.path, text, mode='0640', group='pycapa')

    def systemctl(self, verb, **kwargs):
        """When it returns, the journal has what was logged meanwhile."""
        done = self.host.systemctl(verb, self.unit, **kwargs)
        self.host.sync_journal()
        return done

    def start(self):
        """Writes the file and starts; what fails is shown with what the journal says."""
        self.configure()
        done = self.systemctl('start', check=False)
        assert done.returncode == 0, done.stderr + self.story()
        return self

    def remember(self):
        """systemd forgets how a unit ended that is inactive, unless another one names it."""
        self.host.run('systemd-run', '--quiet', f'--unit=remember-{next(COUNTER)}', '-p',
                      f'After={self.unit}', '-p', 'RemainAfterExit=yes', 'true')

    def stop(self):
        self.remember()
        self.systemctl('stop')
        return self

    def ended_well(self):
        """Once it is stopped: by itself (CLD_EXITED, not a signal) and with status 0."""
        state = self.host.show(self.unit, 'Result', 'ExecMainCode', 'ExecMainStatus')
        return state == {'Result': 'success', 'ExecMainCode': '1', 'ExecMainStatus': '0'}

    def reload(self, check=True, **keys):
        """Changes keys, reloads; returns what systemctl said."""
        if keys:
            self.configure(**keys)
        done = self.systemctl('reload', check=False)
        if check:
            assert done.returncode == 0, done.stderr + self.story()
        return done

    def show(self, prop):
        return self.host.show(self.unit, prop)[prop]

    @property
    def pid(self):
        """The main process as the host numbers it."""
        return int(self.show('MainPID'))

    def kill(self, name):
        self.systemctl('kill', check=True) if name is None else self.host.systemctl(
            'kill', '--kill-who=main', f'--signal={name}', self.unit)

    def entries(self, match=None):
        """This instance's journal entries of this test, oldest first; `match` is FIELD=VALUE."""
        found = self.host.journal('-u', self.unit, f'--after-cursor={self.cursor}')
        if match:
            field, value = match.split('=', 1)
            found = [e for e in found if e.get(field) == value]
        return found

    def own_entries(self, match=None):
        """Those that pycapa wrote itself, without systemd's."""
        return [e for e in self.entries(match) if e.get('SYSLOG_IDENTIFIER') == 'pycapa']

    def messages(self, pattern=''):
        return [e['MESSAGE'] for e in self.entries() if re.search(pattern, str(e['MESSAGE']))]

    def story(self):
        return '\n' + '\n'.join(str(e.get('MESSAGE')) for e in self.entries()[-60:])

    def wait_message(self, pattern, count=1, timeout=30):
        """Waits for the count-th entry that matches; returns the entry."""
        def look():
            found = [e for e in self.entries() if re.search(pattern, str(e['MESSAGE']))]
            return found[count - 1] if len(found) >= count else None
        return wait.until(look, timeout, lambda: f'{count} x {pattern!r}{self.story()}')

    def wait_status(self, pattern, timeout=30):
        return wait.until(lambda: re.search(pattern, self.show('StatusText')), timeout,
                          lambda: f'STATUS {pattern!r}, it is {self.show("StatusText")!r}'
                                  + self.story())

    def wait_active(self, timeout=30, not_pid=None):
        """Waits until it runs, as another process than `not_pid`; returns its pid."""
        def active():
            state = self.host.show(self.unit, 'ActiveState', 'SubState', 'MainPID')
            running = (state['ActiveState'], state['SubState']) == ('active', 'running')
            return int(state['MainPID']) if running and int(state['MainPID']) != not_pid else None
        pid = wait.until(active, timeout, lambda: f'{self.unit} active{self.story()}')
        self.host.sync_journal()
        return pid

    def stats_entries(self):
        return [e for e in self.entries() if STATS in e]

    def stats(self):
        """Asks for a stats line by SIGUSR1; its counters, by name without PYCAPA_."""
        before = len(self.stats_entries())
        self.kill('SIGUSR1')
        wait.until(lambda: len(self.stats_entries()) > before, 10,
                   lambda: f'a stats line{self.story()}')
        return counters(self.stats_entries()[-1])

    def stays_silent(self, **level):
        """
        A stats line that is asked for does not come at the level of now: of two, the second of them
        at `level`, one comes.
        """
        before = len(self.stats_entries())
        self.kill('SIGUSR1')
        self.reload(**level)
        self.stats()
        assert len(self.stats_entries()) == before + 1, self.story()

    def wait_stats(self, condition, timeout=30):
        """Asks until condition(counters) holds; returns them."""
        last = []

        def look():
            last[:] = [self.stats()]
            return last[0] if condition(last[0]) else None
        return wait.until(look, timeout, lambda: f'counters, they are {last}{self.story()}')


def counters(entry):
    """The counters of a stats line, and that they add up."""
    found = {k[len('PYCAPA_'):]: int(v) for k, v in entry.items()
             if k.startswith('PYCAPA_') and re.fullmatch(r'-?\d+', str(v))}
    if 'RECEIVED' in found:
        assert found['RECEIVED'] + found['RECOVERED'] == sum(found[name] for name in ACCOUNT), found
    return found
