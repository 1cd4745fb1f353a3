import test from 'ava';
import { TruthFollower } from '../../../src/guest/ntlet/truth-names.ts';
import { make, placed, type Spec, start } from '../../support/truth.ts';

/** The names of the records behind `start`. */
function follow(specs: readonly Spec[], before: readonly Spec[] = start) {
  const follower = new TruthFollower();
  const names = placed([...before, ...specs]).map((record) => follower.follow(record));
  return { follower, names: names.slice(before.length) };
}

test('calls are named and nested, threads and processes identified', (t) => {
  const { names, follower } = follow([
    make.enter(1, 1, 0),
    make.enter(1, 2, 1, 0x99),
    make.mark(1, 'inside'),
    make.leave(1, 2),
    make.leave(1, 1, 'pending'),
    make.switch(1, 3, 2),
    make.complete(1, 1),
    make.again(3, 1),
  ]);
  const one = { threadId: 1001, processId: 4, processName: 'p1.exe' };
  const three = { threadId: 1003, processId: 8, processName: 'p2.exe' };
  t.deepEqual(names, [
    { function: 'NtReadFile', ...one, depth: 0 },
    { function: '0x99', ...one, depth: 1 },
    { ...one, depth: 2 },
    { function: '0x99', ...one, depth: 1 },
    { function: 'NtReadFile', ...one, depth: 0 },
    { ...three, depth: 0 },
    { function: 'NtReadFile', ...one, depth: 0 },
    { function: 'NtReadFile', ...three, depth: 0 },
  ]);
  t.like(follower.functionOf(0x47, 1), {
    name: 'NtReadFile',
    shape: { arguments: 2, convention: 'stdcall' },
  });
  t.is(follower.functionOf(0x99, 1), undefined);
});

test('a program’s functions are its own, and those of its copies', (t) => {
  const { follower } = follow([
    make.function(1, 0x2_0001, 'cmd!main'),
    make.process(1, 3, { parent: 1 }),
    make.thread(5, 3),
  ]);
  t.is(follower.functionOf(0x2_0001, 1)?.name, 'cmd!main');
  t.is(follower.functionOf(0x2_0001, 2)?.name, 'cmd!main');
  t.is(follower.functionOf(0x2_0001, 3), undefined);
  t.is(follower.functionOf(0x2_0001, 5)?.name, 'cmd!main');
});

test('what began before the recording has no name', (t) => {
  const { names } = follow([make.leave(9, 7), make.enter(9, 12, 7), make.leave(9, 12)], []);
  t.deepEqual(names, [{ depth: 0 }, { function: '0x47', depth: 0 }, { function: '0x47', depth: 0 }]);
});
