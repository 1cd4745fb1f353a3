/** Hooks on functions and instructions, by name, pattern, module and address: what they see is what the guest itself says. */
import test from 'ava';
import { defineHooks } from '../../src/hooks/api.ts';
import { ATTACK, runHooks } from './run.ts';
import { addressOf, attack, named, reads, sameState } from './told-calls.ts';

test('calls by name: arguments, words, numbers, parents, outcomes and results are those that the guest tells of', async (t) => {
  const ran = await attack();
  sameState(t, ATTACK, ran);
  t.deepEqual(ran.of('problem'), []);
  const before = ran.data('pre');
  t.is(before.length, reads.length);
  for (const [i, { arguments: words, parentName, function: number, door }] of reads.entries()) {
    const pre = before[i]!;
    t.deepEqual(Object.values(pre['args'] as object), words);
    t.deepEqual(pre['words'], [words[0], words[8], null], 'NtReadFile has nine words');
    t.like(pre, { same: true, systemCall: number, outcome: 'open', hasResult: false, hasState: false });
    // The stub is hooked too: it is what called the service.
    const stub = door === 'sysenter' ? 'ntdll.dll!NtReadFile' : undefined;
    t.is(pre['parent'], parentName === undefined ? stub : `ntoskrnl.exe!${parentName}`);
  }
  const ends = reads.filter(({ end }) => end !== undefined);
  const after = ran.data('post');
  t.is(after.length, reads.length, 'those that are open at the end as well');
  t.true(after.every(({ mine }) => mine));
  const tally = (list: readonly unknown[]) => [...list].sort();
  t.deepEqual(
    tally(after.map(({ outcome, result }) => `${outcome} ${result}`)),
    tally([
      ...ends.map(({ end }) => `${end!.outcome} ${end!.outcome === 'returned' ? end!.result : undefined}`),
      ...reads.filter(({ end }) => end === undefined).map(() => 'open undefined'),
    ]),
  );
  // What was read lies in the guest's memory at the end of the call, and not before.
  const texts = after.map(({ text }) => text);
  t.true(texts.includes('Administrator:honey\nguest:guest\n'), 'the file of passwords');
  t.true(texts.includes('letmein\n'), 'a password that was typed');
});

test('by module, by pattern and by address: each finds the calls that it should', async (t) => {
  const ran = await attack();
  const { counts, tids, instruction } = ran.data('counts')[0] as {
    counts: Record<string, number>;
    tids: number[];
    instruction: number;
  };
  for (const where of [
    'NtReadFile',
    'nt!NtReadFile',
    'ntoskrnl.exe!NtReadFile',
    'address',
    'negative address',
  ])
    t.is(counts[where], reads.length, where);
  t.is(counts['nt!Nt*File'], named(/^Nt.*File$/).length);
  t.is(counts['Nt*'], named(/^Nt/).length);
  // The stub in a library is not the service that it calls.
  t.is(counts['ntdll.dll!NtReadFile'], reads.filter(({ door }) => door === 'sysenter').length);
  t.deepEqual(
    tids,
    reads.map(({ tid }) => tid),
  );
  t.is(instruction, ran.end.instructions);
  // Names that are nowhere are told at the end.
  t.deepEqual(ran.end.missing, ['NtReadFil', 'kernel32.dll!*']);
  t.is(counts['NtReadFil'], undefined);
});

test('the parent of a call is the hooked call that it is made from', async (t) => {
  const parents: [string, string | undefined][] = [];
  await runHooks(
    ATTACK,
    defineHooks('parents', ({ call }) =>
      call('nt!Nt*', { pre: (one) => parents.push([one.name, one.parent?.name]) }),
    ),
  );
  const expected = named(/^Nt/).map(({ name, parentName }) => [name, parentName]);
  t.deepEqual(parents, expected as never);
  t.true(parents.some(([name, parent]) => name === 'NtCreateFile' && parent === 'NtOpenFile'));
});

test('an instruction in the middle of a block, by a name with an offset or by its address', async (t) => {
  const at: Record<string, number[]> = { '+0': [], '+1': [], '+0x5': [], '+8': [], address: [] };
  const stacks: number[] = [];
  const code: Uint8Array[] = [];
  const start = addressOf('NtReadFile');
  const points = defineHooks('points', ({ address }) => {
    for (const offset of ['+0', '+1', '+0x5', '+8'])
      address(`NtReadFile${offset}`, (point) => {
        at[offset]!.push(point.instruction);
        stacks.push(point.cpu.esp);
        if (code.length === 0) code.push(point.memory.bytes(start, 9));
        if (point.address !== start + Number(offset.slice(1))) throw new Error('it is elsewhere');
      });
    address(start + 5, ({ instruction }) => at['address']!.push(instruction));
  });
  const ran = await runHooks(ATTACK, points);
  sameState(t, ATTACK, ran);
  t.deepEqual(ran.of('problem'), []);
  // push ebp; mov ebp, esp; push edi; push esi; lea eax, …; push ebx
  t.is(Buffer.from(code[0]!).toString('hex'), '5589e557568d450853');
  t.is(at['+0']!.length, reads.length);
  t.deepEqual(
    at['+1'],
    at['+0']!.map((one) => one + 1),
  );
  t.deepEqual(
    at['+0x5'],
    at['+0']!.map((one) => one + 4),
  );
  t.deepEqual(
    at['+8'],
    at['+0']!.map((one) => one + 5),
  );
  t.deepEqual(at['address'], at['+0x5']);
  t.deepEqual(
    stacks.slice(0, 4).map((esp) => stacks[0]! - esp),
    [0, 4, 12, 12],
  );
});
