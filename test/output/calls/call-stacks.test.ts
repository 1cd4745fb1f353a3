/** Shadow stacks against a machine that knows its calls; and what no machine may do to them. */
import test from 'ava';
import fc from 'fast-check';
import { BlockEnd } from '../../../src/output/calls/block-end.ts';
import { CallStacks } from '../../../src/output/calls/call-stacks.ts';
import { CallTree, NodeKind } from '../../../src/output/calls/call-tree.ts';
import { ShadowStack } from '../../../src/output/calls/shadow-stack.ts';
import { ModelMachine, type Step } from './model-machine.ts';

const step = fc.tuple(fc.nat(14), fc.nat(1 << 16), fc.nat(1 << 16));

test('calls, returns, tail calls, longjmp, exceptions, interrupts, signals, switches: always the true stack', (t) => {
  const all: Record<string, number> = {};
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 400, size: 'max' }),
      fc.integer({ min: 1, max: 3 }),
      (steps, threads) => {
        const machine = new ModelMachine(threads);
        for (const [i, one] of (steps as Step[]).entries()) {
          const { found, expected } = machine.step(one);
          if (found !== expected) throw new Error(`step ${i}: found ${found}, expected ${expected}`);
        }
        for (const [kind, times] of Object.entries(machine.made)) all[kind] = (all[kind] ?? 0) + times;
        return machine.stacks.contradicted === 0 && machine.stacks.overflows === 0;
      },
    ),
    { numRuns: 1000 },
  );
  t.log(JSON.stringify(all));
  for (const kind of [
    'longjmp',
    'unwinding',
    'retpoline',
    'signal',
    'end of a signal',
    'unknown caller',
    'switch',
  ])
    t.true((all[kind] ?? 0) > 20, kind);
});

const nobody = { functionOf: () => -1, placeOf: (address: number) => address, runningIn: () => 0 };
const same = (place: number): number => place;

test('endless recursion, random returns, any events: bounded, and every node has its place', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(16), fc.nat(1 << 20)), { maxLength: 3000, size: 'max' }),
      (steps) => {
        const tree = new CallTree(same, 200);
        const stack = new ShadowStack(tree.child(-1, NodeKind.root, 0), true, 64);
        const stacks = new CallStacks(tree, nobody, stack);
        for (const [what, address] of steps) {
          if (what === 14) stacks.interrupt(address & 0xff);
          else if (what === 15) stacks.sysenter();
          else if (what === 16) stacks.leaving();
          else {
            const node = stacks.enter(address);
            stacks.leave(what, address, address + 5, (address * 7) & 0xfffff);
            if (!(node > 0 && node < tree.count)) return false;
          }
        }
        return stack.depth <= 64 && tree.count <= 401;
      },
    ),
  );
  t.pass();
});

test('a recursion that is too deep begins anew, and returns find their way', (t) => {
  const tree = new CallTree(same);
  const stack = new ShadowStack(tree.child(-1, NodeKind.root, 0), true, 100);
  const stacks = new CallStacks(tree, nobody, stack);
  for (let i = 0; i < 1000; i++) {
    stacks.enter(0x1000);
    stacks.leave(BlockEnd.call, 0x1000, 0x1005, 0x1000);
  }
  t.is(stacks.overflows, 9);
  t.true(tree.count <= 220);
  for (let i = 0; i < 1000; i++) {
    stacks.enter(0x1005);
    stacks.leave(BlockEnd.return, 0x1005, 0x1006, 0x1005);
  }
  t.is(stacks.contradicted, 1, 'the last call has not been seen to begin');
  t.true(stack.depth <= 1);
});
