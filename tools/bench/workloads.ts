/** What the benchmark runs in the guest: a machine, and a script that begins and ends by itself. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseScript, type Script } from '../../src/record/script.ts';

export interface Workload {
  readonly name: string;
  readonly what: string;
  /** A built-in guest's name or the path of a machine file. */
  readonly machine: string;
  readonly script: Script;
}

const debianScript = String.raw`
timeout 600
wait "login: "
send "root\n"
wait "assword: "
send "root\n"
wait "# "
send "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo on''e\n"
wait "one\r\n"
send "dd if=/dev/zero bs=1M count=150 2>/dev/null | md5sum; echo tw''o\n"
wait "two\r\n"
send "dd if=/dev/urandom bs=64k count=200 2>/dev/null | gzip | wc -c; echo thre''e\n"
wait "three\r\n"
send "for n in $(seq 40); do ls -lR /etc /bin >/dev/null; done; echo fou''r\n"
wait "four\r\n"
end
`;

const callsScript = String.raw`
timeout 600
wait "login: "
send "root\n"
wait "assword: "
send "root\n"
wait "# "
send "dd if=/dev/zero of=/dev/null bs=1 count=1000000 2>/dev/null; echo on''e\n"
wait "one\r\n"
end
`;

/** Every letter is an experiment of test/guests/probe.c; the guest says "X: result" after each. */
function probeScript(letters: string): string {
  const steps = [...letters].map((letter) => `send "${letter}"\nwait /${letter}: [0-9a-f]{8}\\r\\n/`);
  return ['timeout 600', 'wait "ready\\r\\n"', ...steps, 'end'].join('\n');
}

function probeMachine(): string {
  const image = fileURLToPath(new URL('../../../test/guests/probe.bin', import.meta.url));
  const path = join(tmpdir(), `rebek-bench-${process.pid}.json`);
  const boot = { kind: 'multiboot', image };
  writeFileSync(path, JSON.stringify({ name: 'probe', memory: 32, boot, nic: { model: 'none' } }));
  return path;
}

export function workload(name: string): Workload {
  switch (name) {
    case 'debian':
      return {
        name,
        what: 'Debian 12: boot, log in, shell loop, md5sum, gzip, ls -R',
        machine: 'debian',
        script: parseScript(debianScript, 'bench'),
      };
    case 'calls':
      return {
        name,
        what: 'Debian 12: boot, log in, a million reads and a million writes of one byte',
        machine: 'debian',
        script: parseScript(callsScript, 'bench'),
      };
    case 'ports':
      return {
        name,
        what: 'probe guest: 40 million port reads (PIO)',
        machine: probeMachine(),
        script: parseScript(probeScript('p'.repeat(40)), 'bench'),
      };
    case 'vga':
      return {
        name,
        what: 'probe guest: 100 million planar VGA accesses',
        machine: probeMachine(),
        script: parseScript(probeScript('v'.repeat(100)), 'bench'),
      };
    default:
      throw new Error(`no such workload: ${name}`);
  }
}
