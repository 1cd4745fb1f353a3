/** `--profile`: what an analyst knows of the guest's kernel, from a file. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { xpIsf } from '../guest/nt/xp-isf.ts';
import { root, temporaryFolder } from '../support/probe.ts';
import { type Result, rebek, refused } from './support.ts';

const ATTACK = join(root, 'traces/ntlet-attack.rebek');

/** With the offsets alone: addresses of functions are another kernel's. */
function offsets(): ReturnType<typeof xpIsf> {
  const isf = xpIsf();
  isf['symbols'] = {};
  return isf;
}

test('a profile takes the place of what Rebek knows', async (t) => {
  const folder = temporaryFolder(t);
  const [right, wrong] = [join(folder, 'right.json.gz'), join(folder, 'wrong.json')];
  writeFileSync(right, gzipSync(JSON.stringify(offsets())));
  const other = offsets();
  const types = other['user_types'] as Record<string, { fields: Record<string, { offset: number }> }>;
  types['_EPROCESS']!.fields['ActiveProcessLinks']!.offset += 8;
  writeFileSync(wrong, JSON.stringify(other));
  const run = (...args: string[]) => rebek(['replay', ATTACK, '--hooks', 'pack:processes', ...args]);
  const [plain, same, none] = [await run(), await run('--profile', right), await run('--profile', wrong)];
  t.is(plain.code, 0, plain.stderr);
  t.true(plain.stdout.split('\n').length > 10);
  t.is(same.code, 0, same.stderr);
  t.is(same.stdout, plain.stdout);
  refusedFor(t, none, 'ERR_GUEST_PROFILE', /ntkrnlpa\.pdb .* does not fit/, /the guest runs NT 5\.1/);
  const check = await rebek(['check', ATTACK, '--profile', right]);
  t.is(check.code, 0, check.stderr);
  t.regex(check.stdout, /thread-stack +\d+ +100 % +100 %/);
});

function refusedFor(t: ExecutionContext, run: Result, code: string, ...patterns: RegExp[]): void {
  refused(t, run, 2, code);
  for (const pattern of patterns) t.regex(run.stderr, pattern);
}

test('profiles that are none, or of another system', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'profile.json');
  const refuses = async (content: string | Uint8Array, ...patterns: RegExp[]): Promise<void> => {
    writeFileSync(path, content);
    for (const command of [
      ['replay', ATTACK, '--hooks', 'pack:processes'],
      ['check', ATTACK],
    ])
      refusedFor(t, await rebek([...command, '--profile', path]), 'ERR_GUEST_PROFILE', ...patterns);
  };
  await refuses('{ "user_types": ', /profile\.json: it is no JSON/);
  await refuses('null', /of no kernel that Rebek knows/, /Volatility/);
  await refuses('{"user_types": {"_EPROCESS": {}}}', /profile\.json: the profile is not of an NT kernel/);
  await refuses(Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), /compressed with xz/, /xz -d/);
  await refuses(Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3), /profile\.json: /);
  const linux = { user_types: { task_struct: { fields: {} } }, symbols: {}, base_types: {} };
  await refuses(JSON.stringify(linux), /the profile is of a Linux kernel/, /the guest runs NT 5\.1/);
  const missing = join(folder, 'nowhere.json');
  const nowhere = await rebek(['check', ATTACK, '--profile', missing]);
  refusedFor(t, nowhere, 'ERR_GUEST_PROFILE', /nowhere\.json: there is no such file/);
  const alone = await rebek(['replay', ATTACK, '--profile', path]);
  refusedFor(t, alone, 'ERR_USAGE', /--profile goes with --hooks only/);
});
