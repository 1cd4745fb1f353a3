import { execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { recordProbe, root, temporaryFolder } from '../support/probe.ts';

const child = fileURLToPath(new URL('../support/replay-once.js', import.meta.url));
const run = promisify(execFile);

/** A clock that stands still in 1999, and a random generator that gives one number. */
const wrongClock =
  'data:text/javascript,Date.now=()=>915148800000;performance.timeOrigin;Math.random=()=>0.5;' +
  'crypto.getRandomValues=(a)=>a.fill(7)';

const places: Record<string, { args?: string[]; env?: Record<string, string>; load?: boolean }> = {
  'in another process and folder': {},
  'in another time zone and language': {
    env: { TZ: 'Asia/Kathmandu', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8' },
  },
  'with a wrong clock and other random numbers': { args: ['--import', wrongClock] },
  'on a loaded machine': { load: true },
  'with the other LZ4 library': { env: { REBEK_CODEC: 'lz4-napi' } },
  'with generated code that is never optimised': { args: ['--liftoff-only'] },
  'with generated code that is optimised at once': { args: ['--no-liftoff'] },
};

test('a trace replays the same anywhere, with the guest gone', async (t) => {
  const folder = temporaryFolder(t);
  const home = join(folder, 'home');
  const away = join(folder, 'away');
  mkdirSync(home);
  mkdirSync(away);
  const image = join(home, 'kernel.bin');
  copyFileSync(join(root, 'test/guests/probe.bin'), image);
  const { result } = await recordProbe(home, 'tspvbwfhmc', {
    machine: { boot: { kind: 'multiboot', image } },
  });
  const trace = join(away, 'moved.rebek');
  renameSync(result.path, trace);
  rmSync(home, { recursive: true });
  for (const [place, { args = [], env = {}, load = false }] of Object.entries(places)) {
    const burners = load ? [0, 1, 2].map(() => spawn(process.execPath, ['-e', 'for(;;);'])) : [];
    try {
      const options = { cwd: away, env: { ...process.env, ...env } };
      const { stdout } = await run(process.execPath, [...args, child, trace], options);
      const replayed = JSON.parse(stdout) as { final: unknown; instructions: number; checked: boolean };
      t.deepEqual(replayed.final, result.final, place);
      t.is(replayed.instructions, result.instructions, place);
      t.true(replayed.checked, place);
    } finally {
      for (const burner of burners) burner.kill('SIGKILL');
    }
  }
});
