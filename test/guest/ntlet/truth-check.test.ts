/** The checker: streams without a contradiction pass, and each rule finds what violates it, and only that. */
import test from 'ava';
import fc from 'fast-check';
import { checkTruth } from '../../../src/guest/ntlet/truth-check.ts';
import { make, placed, type Spec, start } from '../../support/truth.ts';
import { KernelModel } from '../../support/truth-model.ts';

const check = (specs: readonly Spec[], first = 0) => checkTruth(placed(specs, first));

const actions = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 300 });
function run(steps: readonly (readonly [number, number])[]): KernelModel {
  const model = new KernelModel();
  for (const [action, choice] of steps) model.step(action, choice);
  return model;
}

test('what a kernel tells truly is consistent, and is counted right', (t) => {
  fc.assert(
    fc.property(actions, (steps) => {
      const model = run(steps);
      const report = check(model.specs);
      t.deepEqual(report.problems, []);
      const { calls, switches, threads, processes, open, overlapped } = report;
      t.deepEqual({ calls, switches, threads, processes, open, overlapped }, model.counted);
      t.is(
        Object.values(report.outcomes).reduce((a, b) => a + b, 0),
        calls - open,
      );
      t.is(
        report.functions.reduce((sum, f) => sum + f.calls, 0),
        calls,
      );
      t.is(report.records, model.specs.length);
      t.is(report.unknown, undefined);
    }),
  );
});

test('it is consistent from any place on, too, as after a saved state', (t) => {
  const part = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(actions, part, (steps, where) => {
      const { specs, first } = run(steps).from(where);
      const report = check(specs, first);
      t.deepEqual(report.problems, []);
      t.is(report.unknown === undefined, first === 0);
    }),
  );
});

/** Breaks one rule, and one only. */
const violations: [rule: string, what: string, specs: Spec[], text: RegExp][] = [
  ['boot', 'it boots again', [...start, make.boot()], /boots again/],
  ['boot', 'it begins with something else', start.slice(1), /begins with a record of kind function/],
  [
    'call-number',
    'a number is used twice',
    [...start, make.enter(1, 5, 0), make.leave(1, 5), make.enter(1, 5, 0)],
    /call 5 was entered before/,
  ],
  ['call-entered', 'an unknown call leaves', [...start, make.leave(1, 3)], /call 3 has not been entered/],
  ['call-entered', '… completes', [...start, make.complete(1, 3)], /call 3 has not been entered/],
  ['call-entered', '… returns again', [...start, make.again(1, 3)], /call 3 has not been entered/],
  [
    'leave',
    'a call leaves twice',
    [...start, make.enter(1, 1, 0), make.leave(1, 1), make.leave(1, 1)],
    /call 1 has left before/,
  ],
  [
    'leave',
    'a call leaves from another thread',
    [...start, make.enter(1, 1, 0), make.switch(1, 2, 1), make.leave(2, 1)],
    /call 1 of thread 1 leaves from thread 2/,
  ],
  [
    'leave',
    'a call leaves that is not the innermost',
    [...start, make.enter(1, 1, 0), make.enter(1, 2, 1), make.leave(1, 1)],
    /call 1 leaves while call 2 is open inside it/,
  ],
  [
    'parent',
    'a parent is not open any more',
    [...start, make.enter(1, 1, 0), make.leave(1, 1), make.enter(1, 2, 1)],
    /parent of call 2 is 1, .* none is open/,
  ],
  [
    'parent',
    'a parent is not the innermost',
    [...start, make.enter(1, 1, 0), make.enter(1, 2, 1), make.enter(1, 3, 1)],
    /call 2 is the innermost/,
  ],
  [
    'parent',
    'a parent is left out',
    [...start, make.enter(1, 1, 0), make.enter(1, 2, 0)],
    /parent of call 2 is 0/,
  ],
  [
    'parent',
    'a parent is in another thread',
    [...start, make.enter(1, 1, 0), make.switch(1, 2, 1), make.enter(2, 2, 1)],
    /none is open/,
  ],
  [
    'parent',
    'a parent is on another stack',
    [...start, make.enter(1, 1, 0), make.enter(1, 2, 1, 0x47, { stack: 3 })],
    /on stack 3 none is open/,
  ],
  [
    'complete',
    'a call completes that was not pending',
    [...start, make.enter(1, 1, 0), make.leave(1, 1), make.complete(1, 1)],
    /call 1 is not pending/,
  ],
  [
    'complete',
    'a call completes twice',
    [...start, make.enter(1, 1, 0), make.leave(1, 1, 'pending'), make.complete(1, 1), make.complete(1, 1)],
    /call 1 is not pending/,
  ],
  [
    'thread',
    'a thread acts that has not started',
    [...start, make.switch(1, 9, 1)],
    /9, which has not started/,
  ],
  [
    'thread',
    'a thread acts after its end',
    [...start, make.threadEnd(1), make.mark(1, 'still here')],
    /1, which has ended/,
  ],
  [
    'thread',
    'a thread ends with a call open',
    [...start, make.enter(1, 1, 0), make.threadEnd(1)],
    /call 1 open/,
  ],
  [
    'thread',
    'a thread starts in no process',
    [...start, make.thread(5, 7)],
    /process 7, which has not started/,
  ],
  [
    'generation',
    'a thread starts twice',
    [...start, make.switch(1, 2, 1), make.threadEnd(2), make.switch(2, 1, 1), make.thread(2, 1)],
    /thread 2 has started before/,
  ],
  [
    'generation',
    'a process starts twice',
    [...start, make.process(1, 3), make.processEnd(1, 3), make.process(1, 3)],
    /process 3 has started before/,
  ],
  [
    'process',
    'a process ends before its threads',
    [...start, make.processEnd(1, 2)],
    /while 2 of its threads/,
  ],
  [
    'process',
    'a process ends twice',
    [...start, make.process(1, 3), make.processEnd(1, 3), make.processEnd(1, 3)],
    /process 3 ends and has ended before/,
  ],
  ['running', 'a thread acts out of turn', [...start, make.enter(2, 1, 0)], /thread 2 while thread 1 runs/],
  ['running', 'nobody acts', [...start, make.mark(0, 'who?')], /thread 0 while thread 1 runs/],
  [
    'switch',
    'another thread ran before',
    [...start, make.switch(2, 3, 2)],
    /thread 2 was running; thread 1 was/,
  ],
  ['switch', 'CR3 is that of another process', [...start, make.switch(1, 3, 1)], /CR3 is 0x1000; .* 0x2000/],
  [
    'ids',
    'a thread id is there twice',
    [...start, make.thread(5, 2, 1003)],
    /thread id 1003 is that of thread 3/,
  ],
  [
    'ids',
    'a process id is there twice',
    [...start, make.process(1, 3, { processId: 8 })],
    /process id 8 is that of process 2/,
  ],
  ['assert', 'the kernel found itself in the wrong', [...start, make.assert(1)], /line 12, ke\.c: x/],
];

for (const [rule, what, specs, text] of violations) {
  test(`${rule}: ${what}`, (t) => {
    const { problems, problemCount } = check(specs);
    t.deepEqual(
      problems.map((problem) => problem.rule),
      [rule],
      JSON.stringify(problems),
    );
    t.is(problemCount, 1);
    t.regex(problems[0]!.text, text);
    const place = what.startsWith('it begins') ? 0 : specs.length - 1;
    t.like(problems[0], { sequence: place, instruction: 10 * place });
  });
}

test('what may look wrong and is not', (t) => {
  const fine: Spec[][] = [
    // Others complete what a thread began, also after its end.
    [make.enter(1, 1, 0), make.leave(1, 1, 'pending'), make.switch(1, 3, 2), make.complete(1, 1)],
    [
      make.enter(1, 1, 0),
      make.leave(1, 1, 'pending'),
      make.threadEnd(1),
      make.switch(1, 2, 1),
      make.complete(1, 1),
    ],
    // A call is killed by another thread.
    [make.enter(1, 1, 0), make.switch(1, 2, 1), make.leave(1, 1, 'killed')],
    // Fibers take turns.
    [
      make.enter(1, 1, 0),
      make.enter(1, 2, 0, 0x47, { stack: 1 }),
      make.leave(1, 1),
      make.enter(1, 3, 2, 0x47, { stack: 1 }),
      make.leave(1, 3),
      make.leave(1, 2),
    ],
    // The last thread takes its process along; ids come again.
    [
      make.switch(1, 3, 2),
      make.threadEnd(3),
      make.switch(3, 4, 2),
      make.threadEnd(4),
      make.processEnd(4, 2),
      make.switch(4, 1, 1),
      make.process(1, 3, { processId: 8 }),
      make.thread(5, 3, 1003),
      make.switch(1, 5, 3),
      { kind: 'unknown', thread: 77, code: 99, words: [] },
    ],
  ];
  for (const specs of fine) t.deepEqual(check([...start, ...specs]).problems, []);
});

test('of many problems the first hundred are kept, and all are counted', (t) => {
  const report = check([...start, ...Array.from({ length: 500 }, () => make.assert(1))]);
  t.is(report.problemCount, 500);
  t.is(report.problems.length, 100);
  t.is(report.problems[0]!.sequence, start.length);
});

test('after a saved state, contradictions are still found', (t) => {
  const later: [Spec[], string][] = [
    [[make.leave(1, 7), make.leave(1, 7)], 'leave'],
    [[make.complete(1, 7), make.complete(1, 7)], 'complete'],
    [[make.enter(1, 8, 7), make.enter(1, 9, 7)], 'parent'],
    [[make.enter(1, 8, 7), make.leave(1, 9)], 'call-entered'],
    [[make.mark(1, 'a'), make.mark(2, 'b')], 'running'],
    [[make.switch(1, 2, 1), make.switch(2, 1, 1), make.switch(1, 2, 3)], 'switch'],
    [[make.mark(1, 'a'), make.threadEnd(1), make.mark(1, 'b')], 'thread'],
  ];
  for (const [specs, rule] of later) {
    const report = check(specs, 100);
    t.deepEqual(
      report.problems.map((problem) => problem.rule),
      [rule],
      JSON.stringify(report.problems),
    );
    t.not(report.unknown, undefined);
  }
});

test('program functions are those of their process, kernel functions everyone’s', (t) => {
  const call = (number: number, a: number, b: number): Spec[] => [
    make.enter(1, a, 0, number),
    make.switch(1, 3, 2),
    make.enter(3, b, 0, number),
    make.leave(3, b),
    make.switch(3, 1, 1),
    make.leave(1, a),
  ];
  const specs = [...start, make.function(1, 0x2_0001, 'cmd!f'), ...call(0x47, 1, 2), ...call(0x2_0001, 3, 4)];
  const { functions, overlapped, problems } = check(specs);
  t.deepEqual(problems, []);
  t.is(overlapped, 1);
  t.deepEqual(functions, [
    { name: 'NtReadFile', calls: 2, overlapped: 1 },
    { name: '0x20001', calls: 1, overlapped: 0 },
    { name: 'cmd!f', calls: 1, overlapped: 0 },
  ]);
});
