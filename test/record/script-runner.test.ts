/** The script runner against a guest that is made up and a clock that is moved by hand. */
import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { parseScript } from '../../src/record/script.ts';
import {
  runScript,
  type ScriptClock,
  type ScriptOptions,
  waitForOutput,
} from '../../src/record/script-runner.ts';

class FakeClock implements ScriptClock {
  now = 0;
  private readonly due = new Set<{ at: number; callback: () => void }>();

  after(ms: number, callback: () => void): () => void {
    const entry = { at: this.now + ms, callback };
    this.due.add(entry);
    return () => this.due.delete(entry);
  }

  get pending(): number {
    return this.due.size;
  }

  /** Moves on, calling what is due, and lets promises settle after each call. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const next = [...this.due].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.due.delete(next);
      this.now = next.at;
      next.callback();
    }
    this.now = end;
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A script under way: the guest's side of it. */
class Rig {
  readonly clock = new FakeClock();
  readonly sent: string[] = [];
  readonly logged: string[] = [];
  readonly result: Promise<string>;
  listeners = 0;
  private listener: ((port: number, bytes: Uint8Array) => void) | undefined;

  constructor(text: string, options: ScriptOptions = {}) {
    this.result = runScript(parseScript(text, 'x.script'), this.target, {
      clock: this.clock,
      onLog: (line) => this.logged.push(line),
      ...options,
    }).catch((error: unknown) => {
      if (error instanceof RebekError) return `${error.code}: ${error.message}`;
      return `rejected: ${String(error)}`;
    });
  }

  get target() {
    return {
      send: (port: number, bytes: Uint8Array) => {
        this.sent.push(`${port}:${Buffer.from(bytes).toString('latin1')}`);
      },
      onOutput: (listener: (port: number, bytes: Uint8Array) => void) => {
        this.listeners++;
        this.listener = listener;
        return () => {
          this.listeners--;
        };
      },
    };
  }

  /** The guest prints, one call a byte as a UART does. */
  async print(output: string | Uint8Array, port = 0): Promise<void> {
    for (const byte of typeof output === 'string' ? Buffer.from(output) : output)
      this.listener?.(port, Uint8Array.of(byte));
    await this.clock.advance(0);
  }
}

test('send and wait take turns', async (t) => {
  const rig = new Rig(
    'wait "login: "\nsend "root\\n"\nwait /# $/\nsend "id\\n"\nlog "done"\nend\nsend "never"',
  );
  await rig.print('Debian\r\nhoney login: ');
  t.deepEqual(rig.sent, ['0:root\n']);
  await rig.print('root\r\n~ #');
  t.is(rig.sent.length, 1);
  await rig.print(' ');
  t.is(await rig.result, 'end');
  t.deepEqual(rig.sent, ['0:root\n', '0:id\n']);
  t.deepEqual(rig.logged, ['done']);
  t.is(rig.listeners, 0);
  t.is(rig.clock.pending, 0, 'no timer is left behind');
});

test('a wait sees only what came after the last match', async (t) => {
  const rig = new Rig('wait "# "\nwait "# "\nwait "# "');
  await rig.print('# x # ');
  t.is(await Promise.race([rig.result, settle().then(() => 'waiting')]), 'waiting');
  await rig.print('# ');
  t.is(await rig.result, 'ran out');
});

test('output that came before a wait counts', async (t) => {
  const rig = new Rig('sleep 1\nwait "ready"');
  await rig.print('ready');
  await rig.clock.advance(1000);
  t.is(await rig.result, 'ran out');
});

test('consoles are kept apart, and heard from the beginning', async (t) => {
  const rig = new Rig('wait "a"\nconsole 1\nwait "b"\nsend "x"\nconsole 0\nwait "c"');
  await rig.print('b', 1);
  t.deepEqual(rig.sent, []);
  await rig.print('a');
  t.deepEqual(rig.sent, ['1:x']);
  await rig.print('c', 1);
  await rig.print('c');
  t.is(await rig.result, 'ran out');
});

test('a script can begin at another console', async (t) => {
  const rig = new Rig('wait "a"\nsend "x"', { console: 1 });
  await rig.print('a');
  await rig.print('a', 1);
  t.deepEqual(rig.sent, ['1:x']);
});

test('a wait matches over every border between pieces', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('wait "grüße: "', 'wait /gr.{1}ße: $/'),
      fc.uint8Array({ maxLength: 20 }),
      fc.array(fc.nat(30)),
      async (script, noise, cuts) => {
        const rig = new Rig(script);
        const all = Buffer.concat([noise, Buffer.from('grüße: ')]);
        let at = 0;
        for (const cut of [...cuts.sort((a, b) => a - b), all.length]) {
          await rig.print(all.subarray(at, cut));
          at = Math.max(at, Math.min(cut, all.length));
        }
        return (await rig.result) === 'ran out';
      },
    ),
    { numRuns: 50 },
  );
  t.pass();
});

test('bytes that are not UTF-8 can be waited for', async (t) => {
  const rig = new Rig(String.raw`wait "\xe9\x80!"`);
  await rig.print(Uint8Array.of(0x41, 0xe9, 0x80, 0x21));
  t.is(await rig.result, 'ran out');
});

test('escape sequences stay in', async (t) => {
  const rig = new Rig(String.raw`wait "\e[1m# "`);
  await rig.print('# \x1b[1m# ');
  t.is(await rig.result, 'ran out');
});

test('a timeout names line, pattern and what was seen instead', async (t) => {
  const rig = new Rig('timeout 5\nwait "login: "');
  await rig.print('Kernel panic\x1b[0m\n');
  await rig.clock.advance(4999);
  t.is(rig.clock.pending, 1);
  await rig.clock.advance(1);
  const message = await rig.result;
  t.regex(message, /^ERR_SCRIPT_TIMEOUT: x\.script:2: "login: " did not come at console 0 within 5 s/);
  t.true(message.includes(String.raw`Kernel panic\x1b[0m\n`), message);
  t.is(rig.clock.pending, 0);
  t.is(rig.listeners, 0);
});

test('the default timeout is a minute, and sleeping does not count', async (t) => {
  const rig = new Rig('sleep 100\nwait "x"');
  await rig.clock.advance(159_999);
  t.is(rig.clock.pending, 1);
  await rig.clock.advance(1);
  t.regex(await rig.result, /within 60 s; nothing was printed there/);
});

test('a signal ends a wait and a sleep with its reason', async (t) => {
  for (const script of ['wait "x"', 'sleep 1000']) {
    const controller = new AbortController();
    const rig = new Rig(script, { signal: controller.signal });
    await rig.clock.advance(10);
    controller.abort('the guest halted');
    t.is(await rig.result, 'rejected: the guest halted');
    t.is(rig.clock.pending, 0);
    t.is(rig.listeners, 0);
  }
});

test('old output is dropped, the newest mebibyte stays', async (t) => {
  const rig = new Rig('sleep 1\nwait "early"');
  await rig.print('early');
  const line = `${'.'.repeat(1023)}\n`;
  for (let i = 0; i < 3; i++) await rig.print(line.repeat(700));
  await rig.clock.advance(70_000);
  t.regex(await rig.result, /ERR_SCRIPT_TIMEOUT/);

  const late = new Rig('wait "late"');
  for (let i = 0; i < 3; i++) await late.print(line.repeat(700));
  await late.print('la');
  await late.print('te');
  t.is(await late.result, 'ran out');
});

test('waiting for output without a script', async (t) => {
  const rig = new Rig('sleep 1');
  const found = waitForOutput(
    rig.target,
    0,
    { kind: 'regex', source: 'log.n', flags: '' },
    { clock: rig.clock },
  );
  await rig.print('please log');
  await rig.print('in now');
  t.is(await found, 'login');
});
