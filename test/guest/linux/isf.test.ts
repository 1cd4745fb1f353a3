/** Profiles in Volatility's format: what is taken from them, and what is refused. */
import test from 'ava';
import fc from 'fast-check';
import { profileFromIsf } from '../../../src/guest/linux/isf.ts';

const int = { kind: 'base', name: 'int' };
const struct = (name: string) => ({ kind: 'struct', name });

/** A kernel's profile, as far as it is looked at. */
function isf(): { [name: string]: never } {
  return JSON.parse(
    JSON.stringify({
      metadata: { format: '6.2.0', producer: { name: 'dwarf2json', version: '0.8.0' } },
      base_types: { pointer: { size: 4, signed: false, kind: 'int', endian: 'little' } },
      enums: {},
      symbols: {
        _stext: { address: 0xc1000000 },
        init_task: { address: 0xc1c444c0, type: struct('task_struct') },
        linux_banner: {
          address: 0xc1900000,
          constant_data: Buffer.from('Linux version 6.1\n\0').toString('base64'),
        },
      },
      user_types: {
        task_struct: {
          size: 6528,
          kind: 'struct',
          fields: {
            comm: { offset: 1412, type: { kind: 'array', count: 16, subtype: int } },
            pid: { offset: 1108, type: int },
            thread: { offset: 2176, type: struct('thread_struct') },
          },
        },
        thread_struct: { size: 64, kind: 'struct', fields: { sp: { offset: 28, type: int } } },
        mm_struct: {
          size: 560,
          kind: 'struct',
          fields: { unnamed_field_0: { offset: 4, type: struct('unnamed_1'), anonymous: true } },
        },
        unnamed_1: { size: 556, kind: 'struct', fields: { pgd: { offset: 24, type: int } } },
        dentry: { size: 128, kind: 'struct', fields: { d_name: { offset: 20, type: struct('qstr') } } },
        qstr: {
          size: 12,
          kind: 'struct',
          fields: { name: { offset: 8, type: { kind: 'pointer', subtype: int } } },
        },
      },
    }),
  );
}

test('offsets of members, also nested and nameless ones', (t) => {
  const { offsets, banner, symbols } = profileFromIsf(isf());
  t.deepEqual(offsets, {
    'task.comm': 1412,
    'task.pid': 1108,
    'task.sp': 2204,
    'mm.pgd': 28,
    'dentry.name': 28,
  });
  t.is(banner, 'Linux version 6.1\n');
  t.deepEqual(
    [...symbols],
    [
      ['_stext', 0xc1000000],
      ['init_task', 0xc1c444c0],
    ],
  );
});

/** Puts something else at a place; without a value, nothing. */
function changed(path: string, value?: unknown): unknown {
  const root = { root: isf() } as Record<string, unknown>;
  const names = `root.${path}`.split('.');
  let at = root;
  for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
  if (value === undefined) delete at[names.at(-1)!];
  else at[names.at(-1)!] = value;
  return root['root'];
}

test('what is no profile of a 32-bit Linux is refused with a reason', (t) => {
  const refused: [profile: unknown, reason: RegExp][] = [
    [undefined, /no JSON object/],
    [null, /no JSON object/],
    ['{}', /no JSON object/],
    [[], /no JSON object/],
    [{}, /user_types/],
    [changed('user_types', []), /user_types/],
    [changed('symbols'), /symbols/],
    [changed('user_types.task_struct'), /task_struct/],
    [changed('base_types.pointer.size', 8), /pointers have 8 bytes/],
    [changed('user_types.task_struct.fields.comm.offset', '1412'), /offset of task_struct\.comm is "1412"/],
    [changed('user_types.task_struct.fields.comm.offset', -4), /task_struct\.comm is -4/],
    [changed('user_types.task_struct.fields.comm.offset', 1.5), /task_struct\.comm is 1\.5/],
    [changed('user_types.task_struct.fields.comm', 7), /task_struct\.comm/],
    [changed('user_types.task_struct.fields'), /task_struct has no 'fields'/],
    [changed('symbols.init_task.address', 2 ** 40), /address of init_task/],
    [changed('symbols.init_task', 5), /address of init_task/],
  ];
  for (const [profile, reason] of refused) {
    t.throws(() => profileFromIsf(profile), { code: 'ERR_GUEST_PROFILE', message: reason });
  }
});

test('members that are not there are unknown; circles end', (t) => {
  t.is(profileFromIsf(changed('user_types.task_struct.fields.comm')).offsets['task.comm'], undefined);
  t.is(profileFromIsf(changed('user_types.thread_struct')).offsets['task.sp'], undefined);
  const circle = changed('user_types.unnamed_1.fields', {
    unnamed_field_1: { offset: 0, type: struct('unnamed_1'), anonymous: true },
  });
  t.is(profileFromIsf(circle).offsets['mm.pgd'], undefined);
  t.is(profileFromIsf(changed('symbols.linux_banner')).banner, undefined);
});

test('any JSON is a profile or a clear error', (t) => {
  const part = fc.constantFrom(
    'user_types',
    'symbols',
    'user_types.task_struct',
    'user_types.mm_struct.fields',
  );
  fc.assert(
    fc.property(part, fc.jsonValue(), (path, value) => {
      try {
        profileFromIsf(changed(path, value));
      } catch (error) {
        t.is((error as { code?: string }).code, 'ERR_GUEST_PROFILE', String(error));
      }
    }),
    { numRuns: 500 },
  );
  t.pass();
});
