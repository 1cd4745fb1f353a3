/** ntlet for minutes: many rounds of stress in 16 threads, and tens of thousands of arbitrary system calls. */
import test from 'ava';
import { finishAndVerify, recordNtlet } from '../support/ntlet.ts';

test.serial(
  'forty rounds of stress in 16 threads, recorded, replayed, and without a contradiction',
  async (t) => {
    const guest = await recordNtlet(t);
    await guest.booted();
    await guest.logIn(0, 'Administrator', 'honey');
    t.regex(await guest.run('stress 40 16', { seconds: 1200 }), /^stress: done$/m);
    const { report } = await finishAndVerify(t, guest);
    t.true(report.calls > 100_000, `${report.calls}`);
    t.true(report.threads > 3000, `${report.threads}`);
  },
);

test.serial('hundreds of processes that make arbitrary system calls', async (t) => {
  const guest = await recordNtlet(t);
  await guest.booted();
  await guest.logIn(0, 'guest', 'guest');
  const seed = Date.now() & 0xffffff;
  t.log(`fuzz 300 ${seed}`);
  t.regex(await guest.run(`fuzz 300 ${seed}`, { seconds: 1200 }), /fuzz: 300 processes/);
  t.is(await guest.run('echo still here'), 'still here\n');
  const { records } = await finishAndVerify(t, guest);
  t.false(records.some(({ kind }) => kind === 'halt'));
});
