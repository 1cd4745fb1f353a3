/** Profiles from files. */
import test from 'ava';
import { RebekError } from '../../../src/base/errors.ts';
import { ntProfileFromIsf } from '../../../src/guest/nt/isf.ts';
import { findNt } from '../../../src/guest/nt/nt.ts';
import { profilesOf } from '../../../src/guest/nt/profile.ts';
import { TRACES } from './told.ts';
import { visit } from './visit.ts';
import { xpIsf } from './xp-isf.ts';

test('a profile from a file is that of the build', (t) => {
  const profile = ntProfileFromIsf(xpIsf());
  const [known] = profilesOf(2600);
  t.deepEqual(
    { thread: profile.thread, process: profile.process, object: profile.object },
    {
      thread: known!.thread,
      process: known!.process,
      object: known!.object,
    },
  );
  t.is(profile.name, 'ntkrnlpa.pdb 30B5FB31AE7E4ACAABA750AA241FF331');
  t.deepEqual(
    [...profile.symbols!],
    [
      ['NtReadFile', 0x4567],
      ['IofCallDriver', 0x1234],
      ['DbgPrint', 0x2345],
      ['KiSwapThread', 0x8000],
    ],
  );
});

test('Vista and later have the process in KTHREAD; Windows 7 has a number for an object’s type', (t) => {
  const isf = xpIsf();
  const types = isf['user_types'] as Record<string, { fields: Record<string, { offset: number }> }>;
  delete types['_ETHREAD']!.fields['ThreadsProcess'];
  types['_KTHREAD']!.fields['Process'] = { offset: 0x150 };
  delete types['_OBJECT_HEADER']!.fields['Type'];
  const profile = ntProfileFromIsf(isf);
  t.is(profile.thread.process, 0x150);
  t.is(profile.object, undefined);
});

test('what is no such profile is refused', (t) => {
  const refused = (json: unknown, message: RegExp) => {
    const error = t.throws(() => ntProfileFromIsf(json), { instanceOf: RebekError });
    t.is(error?.code, 'ERR_GUEST_PROFILE');
    t.regex(error?.message ?? '', message);
  };
  refused(null, /no JSON object/);
  refused([], /no JSON object/);
  refused({}, /no user_types/);
  refused({ user_types: { task_struct: {} } }, /not of an NT kernel/);
  const wide = xpIsf();
  wide['base_types'] = { pointer: { size: 8 } };
  refused(wide, /64-bit/);
  const lacking = xpIsf();
  const types = lacking['user_types'] as Record<string, { fields: Record<string, unknown> }>;
  delete types['_EPROCESS']!.fields['Peb'];
  refused(lacking, /lacks _EPROCESS\.Peb/);
  types['_EPROCESS']!.fields['Peb'] = { offset: -4 };
  refused(lacking, /no sensible offset of _EPROCESS\.Peb/);
  types['_EPROCESS']!.fields['Peb'] = { offset: 'far' };
  refused(lacking, /no sensible offset/);
});

test('a guest with a profile: its symbols are functions; one that does not fit is refused', (t) => {
  const { cpu } = visit(TRACES[0]!.path, [], () => ({}));
  const nt = findNt(cpu, ntProfileFromIsf(xpIsf()))!;
  t.is(nt.processes().length, findNt(cpu)!.processes().length);
  const [found] = nt.functions('KiSwapThread');
  t.is(found?.address, 0x8040_8000);
  t.is(found?.signature, undefined);
  t.is(nt.functions('NtReadFile').length, 1, 'exports win');
  const isf = xpIsf();
  const types = isf['user_types'] as Record<string, { fields: Record<string, { offset: number }> }>;
  types['_EPROCESS']!.fields['ImageFileName'] = { offset: 0x164 };
  t.throws(() => findNt(cpu, ntProfileFromIsf(isf)), {
    code: 'ERR_GUEST_PROFILE',
    message: /ntkrnlpa\.pdb.* does not fit/,
  });
});

test('the builds that are known have each their own offsets', (t) => {
  for (const build of [2195, 2600, 3790, 6000, 6001, 6002, 7600, 7601]) {
    for (const { thread, process, name } of profilesOf(build)) {
      const offsets = Object.values(thread).filter((o) => o !== undefined);
      t.is(new Set(offsets).size, offsets.length, name);
      const own = Object.values(process).filter((o) => o !== undefined);
      t.is(new Set(own).size, own.length, name);
      t.true([...offsets, ...own].every((o) => o > 0 && o < 0x300));
    }
  }
  t.deepEqual(profilesOf(1381), []);
});
