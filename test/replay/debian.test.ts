import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import type { RecordingResult } from '../../src/record/recording.ts';
import { type ReplayResult, replayTrace, verifyTrace } from '../../src/replay/replay.ts';
import { dumpEvents, type StreamEvent } from '../../src/trace/dump.ts';
import { debianGuest } from '../support/debian.ts';
import { recordGuest, replayElsewhere } from '../support/record-guest.ts';

/** A clock that stands still in 1999, and random generators that give one number. */
const wrongClock =
  'data:text/javascript,Date.now=()=>915148800000;Math.random=()=>0.5;crypto.getRandomValues=(a)=>a.fill(7)';

/** What the recording's guest is asked to do, and what it must answer. */
const work: [command: string, answer: RegExp][] = [
  ['seq 1 3000 | sort -r | uniq | wc -l', /^3000$/],
  ['md5sum /bin/busybox > /tmp/sum; md5sum -c /tmp/sum', /busybox: OK/],
  ['gzip -c /bin/busybox > /tmp/b.gz; gunzip -c /tmp/b.gz | cmp - /bin/busybox && echo same', /^same$/],
  ['i=0; while [ $i -lt 60 ]; do /bin/busybox true & i=$((i+1)); done; wait; echo $i', /(^|\n)60$/],
  ['ping -c2 -s 300 192.168.86.1', /2 packets received, 0% packet loss/],
  ['wget -q -O - http://127.0.0.1/', /It works!/],
  ['dd if=/dev/urandom of=/tmp/r bs=64k count=8 2>/dev/null; sha256sum /tmp/r; date; uptime', /\/tmp\/r/],
];

interface Recorded {
  readonly folder: string;
  readonly trace: string;
  readonly result: RecordingResult;
  readonly said: string;
  readonly typed: string;
  readonly frames: { direction: string; bytes: string }[];
}

// One boot for all tests. The machine and its images exist only while it is recorded.
let recorded: Recorded;
let replayed: ReplayResult;
/** A hook has no `t.teardown`. */
const cleanups: (() => unknown)[] = [];

test.before(async (t) => {
  t.timeout(300_000);
  const folder = mkdtempSync(join(tmpdir(), 'rebek-debian-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const home = join(folder, 'home');
  mkdirSync(home);
  const { boot } = (await debianGuest()).machine;
  if (boot.kind !== 'linux' || boot.initrd === undefined) throw new Error('not the guest this test knows');
  copyFileSync(boot.kernel, join(home, 'vmlinuz'));
  copyFileSync(boot.initrd, join(home, 'initrd'));
  const file = join(home, 'machine.json');
  const moved = { ...boot, kernel: 'vmlinuz', initrd: 'initrd' };
  writeFileSync(file, JSON.stringify({ name: 'moved', memory: 128, boot: moved }));
  const machine = await loadMachine(file);
  const trace = join(folder, 'debian.rebek');

  const context = { teardown: (cleanup: () => unknown) => cleanups.push(cleanup) };
  const guest = await recordGuest(context, { machine, images: await loadImages(machine), output: trace });
  const frames: Recorded['frames'] = [];
  guest.recording.pc.onFrame((direction, frame) => {
    frames.push({ direction, bytes: Buffer.from(frame).toString('hex') });
  });
  await guest.console.logIn();
  t.log(`login after ${(guest.recording.status().wallMs / 1000).toFixed(1)} s`);
  for (const [command, answer] of work) t.regex(await guest.console.run(command), answer, command);
  const result = await guest.finish();
  rmSync(home, { recursive: true });
  const [said, typed] = [guest.console.output[0]!, guest.typed[0]!];
  recorded = { folder, trace, result, said, typed, frames };
  const { bytes, instructions, events } = result;
  t.log(`${bytes} bytes, ${instructions} instructions, ${events} events, ${result.wallNs / 1e9} s`);
});

test.after.always(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

test.serial('a recorded Debian replays to the state it ended in', async (t) => {
  t.timeout(300_000);
  const { result, trace } = recorded;
  replayed = await replayTrace(trace);
  t.true(replayed.complete);
  t.true(replayed.finalChecked);
  t.deepEqual(replayed.final, result.final);
  t.is(replayed.instructions, result.instructions);
  t.is(replayed.events, result.events);
  t.is(replayed.outputs, result.outputs);
  t.is(replayed.compiled, result.compiled);
  t.true(replayed.hashesChecked >= Math.floor(result.instructions / 2 ** 28) - 1, 'hashes on the way');
  t.log(`replayed in ${replayed.wallMs / 1000} s`);
});

test.serial('verifying replays it once more, with the same outcome', async (t) => {
  t.timeout(300_000);
  const { complete, integrity, replay } = await verifyTrace(recorded.trace);
  t.true(complete);
  t.is(integrity.chain, recorded.result.chain);
  const { wallMs: _first, ...first } = replayed;
  const { wallMs: _second, debug, ...second } = replay!;
  t.deepEqual(second, first);
  // Linux has nothing to say at port 0xE9, and that is what was compared.
  t.deepEqual(debug, { bytes: 0, records: 0, beyond: 0 });
});

test.serial(
  'it replays in another process that has no guest, another time zone and a wrong clock',
  async (t) => {
    t.timeout(300_000);
    const away = join(recorded.folder, 'away');
    mkdirSync(away);
    const found = await replayElsewhere(recorded.trace, {
      cwd: away,
      args: ['--import', wrongClock],
      env: { TZ: 'Asia/Kathmandu', LC_ALL: 'de_DE.UTF-8', REBEK_CACHE: away, HOME: away },
    });
    t.true(found.checked);
    t.true(found.complete);
    t.deepEqual(found.final, recorded.result.final!);
    t.is(found.instructions, recorded.result.instructions);
    t.log(`peak resident ${Math.round(found.peakBytes / 2 ** 20)} MiB for a guest with 128 MiB`);
  },
);

/** The records of a side stream that went one way. */
function stream(name: 'console' | 'net', direction: 'in' | 'out'): StreamEvent[] {
  const events = [...dumpEvents(recorded.trace, { stream: name })] as StreamEvent[];
  return events.filter((event) => event.direction === direction);
}

test.serial('the console stream is what the console saw and what was typed', (t) => {
  const text = (direction: 'in' | 'out') =>
    Buffer.concat(stream('console', direction).map(({ bytes }) => bytes)).toString('latin1');
  t.is(text('out'), recorded.said);
  t.is(text('in'), recorded.typed);
  t.is(recorded.result.console, recorded.said.length + recorded.typed.length);
  t.regex(text('out'), /It works!/);
});

test.serial('the network stream has every frame, and the pings in it', (t) => {
  for (const direction of ['in', 'out'] as const) {
    const found = stream('net', direction).map(({ bytes }) => Buffer.from(bytes));
    const expected = recorded.frames.filter((frame) => frame.direction === direction);
    t.deepEqual(
      found.map((frame) => frame.toString('hex')),
      expected.map(({ bytes }) => bytes),
    );
    // Ethernet 14 bytes with type IPv4, IPv4 header of 20 with protocol ICMP, then the ICMP type.
    const icmp = found.filter((frame) => frame.readUInt16BE(12) === 0x0800 && frame[23] === 1);
    t.deepEqual(
      icmp.map((frame) => [frame[34], frame.length]),
      Array(2).fill([direction === 'out' ? 8 : 0, 14 + 20 + 8 + 300]),
    );
  }
});
