/** ntlet as the people at its two consoles see it; each recording is replayed, and its ground truth checked. */
import test from 'ava';
import fc from 'fast-check';
import type { TruthRecordOf } from '../../../src/guest/ntlet/truth-record.ts';
import { finishAndVerify, PROMPT, recordNtlet } from '../../support/ntlet.ts';

test.serial('it boots to a login on each console, in a few hundred thousand instructions', async (t) => {
  const guest = await recordNtlet(t);
  await guest.booted();
  const { instructions } = guest.recording.status();
  // At v86's slowest, some 20 million a second.
  t.true(instructions < 5_000_000, `${instructions}`);
  for (const port of [0, 1])
    t.regex(guest.console.output[port]!, new RegExp(`on console ${port}\r\nlogin: $`));
  const { report } = await finishAndVerify(t, guest);
  t.is(report.processes, 5);
});

test.serial('two people log in at once; every command of the shell does what it says', async (t) => {
  const guest = await recordNtlet(t);
  const { run } = guest;
  await guest.booted();
  // A wrong name, a wrong password, then both consoles at the same time.
  guest.console.type('mallory\nx\n', 1);
  await guest.console.waitFor(/Logon failure: .*\r\nlogin: $/s, { port: 1 });
  await Promise.all([guest.logIn(0, 'Administrator', 'honey'), guest.logIn(1, 'guest', 'guest')]);
  t.notRegex(guest.console.output[0]!, /honey/, 'a password is not echoed');

  t.regex(await run('help'), /^list +dir/m);
  t.is(await run('whoami'), 'ntlet\\Administrator\n');
  t.is(await run('whoami', { port: 1 }), 'ntlet\\guest\n');
  t.is(await run('ver'), 'ntlet [Version 5.1.2600]\n');
  t.regex(await run('time'), /^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\n$/);
  t.is(await run('echo  hello   there'), 'hello   there\n');
  t.is(await run('write notes.txt buy a honeypot'), '');
  t.is(await run('append notes.txt or two'), '');
  t.is(await run('type notes.txt', { port: 1 }), 'buy a honeypot\nor two\n');
  t.is(await run('copy C:\\notes.txt /kept.txt', { port: 1 }), '24 bytes copied\n');
  t.is(await run('del notes.txt'), '');
  t.regex(await run('type notes.txt'), /0xc0000034/);
  const listing = await run('list');
  t.regex(listing, /^20\d\d-\d\d-\d\d \d\d:\d\d +24 {2}kept\.txt$/m);
  t.regex(listing, /WINNT\\system32\\cmd\.exe/);
  t.notRegex(listing, /notes\.txt/);
  t.regex(await run('dir Documents', { port: 1 }), /passwords\.txt/);
  const folder = 'a-folder-with-a-name-of-more-than-31-letters';
  t.is(await run(`write ${folder}/note.txt hidden`), '');
  t.regex(await run(`dir ${folder}`), / note\.txt\n +1 file/);
  t.regex(await run('del C:\\WINNT\\system32\\cmd.exe'), /0xc0000022/);
  t.is(await run('run count 3'), 'Counted to 3000000.\n');
  t.is(await run('count 1', { port: 1 }), 'Counted to 1000000.\n');
  t.regex(await run('run C:\\boot.ini'), /0xc000007b/, 'a text is no program');

  const [, pid] = /^pid (\d+)\n$/.exec(await run('start beacon')) ?? [];
  const processes = await run('ps', { port: 1 });
  t.regex(processes, new RegExp(`^ +${pid} .* beacon\\.exe$`, 'm'));
  t.is(processes.match(/cmd\.exe/g)?.length, 2);
  t.is(await run(`kill ${pid}`, { port: 1 }), `Process ${pid} has been terminated.\n`);
  t.notRegex(await run('ps'), /beacon/);
  t.regex(await run(`kill ${pid}`), /no such process/i);
  t.regex(await run('kill 8'), /0xc0000022/, 'not the process that everything starts from');
  await run('start beacon');
  t.regex(await run('kill beacon.exe'), /has been terminated/);

  t.is(
    await run('fetch www.example.com /pub/tool.txt'),
    'Asking 192.168.87.1 for /pub/tool.txt\n19 bytes written to C:\\tool.txt\n',
  );
  t.regex(await run('type tool.txt'), /GET \/pub\/tool\.txt/);
  guest.console.type('exit\n', 1);
  await guest.console.waitFor(/login: $/, { port: 1 });

  const { records, report, result } = await finishAndVerify(t, guest);
  t.true(result.frames >= 4, 'ARP, DNS and the exchange went over the network');
  t.is(report.outcomes.unwound, 0);
  // The password is in the truth as what NtReadFile gave to winlogon: found by who called, not by what was read.
  const process = new Map<number, string>();
  const thread = new Map<number, string>();
  const readers = new Set<string>();
  const read = records.find(
    (r) => r.kind === 'function' && r.name === 'NtReadFile',
  ) as TruthRecordOf<'function'>;
  for (const record of records) {
    if (record.kind === 'process-start') process.set(record.process, record.name);
    if (record.kind === 'thread-start') thread.set(record.thread, process.get(record.process)!);
    if (record.kind === 'enter' && record.function === read.function) readers.add(thread.get(record.thread)!);
  }
  t.deepEqual([...readers].sort(), ['cmd.exe', 'winlogon.exe']);
  t.true(report.functions.find(({ name }) => name === 'NtReadFile')!.overlapped > 0);
});

test.serial('shutting down ends the recording, and the truth says so', async (t) => {
  const guest = await recordNtlet(t);
  await guest.booted();
  await guest.logIn(0, 'guest', 'guest');
  guest.console.type('shutdown\n');
  const finish = guest.finish;
  const { result, records } = await finishAndVerify(t, {
    ...guest,
    finish: () => finish({ atEnd: true }),
  });
  t.is(result.end, 'halt');
  t.like(records.at(-1), { kind: 'halt', reason: 0 });
});

test.serial('whatever is typed, the kernel goes on and the shell answers', async (t) => {
  const guest = await recordNtlet(t);
  await guest.booted();
  await Promise.all([guest.logIn(0, 'guest', 'guest'), guest.logIn(1, 'Administrator', 'honey')]);
  const command = fc.constantFrom(
    ...[
      'list',
      'type',
      'write',
      'append',
      'copy',
      'del',
      'run',
      'start',
      'ps',
      'kill',
      'fetch',
      'echo',
      'stress',
      'fuzz',
    ],
    'help',
    'count',
  );
  const word = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.constantFrom(
      '""',
      '"',
      '\\\\',
      '..',
      'C:',
      '-1',
      '0',
      '0xffffffff',
      '%s%n',
      '\\Device\\Serial0',
      'x'.repeat(300),
    ),
    fc.constantFrom(
      '\\Device\\Stress',
      '\\SmApiPort',
      '\\Device\\NamedPipe\\',
      'C:\\WINNT\\system32\\config\\sam\\x',
    ),
  );
  // Not what does what it is asked to: run for long, or leave the shell.
  const harmless = (line: string) =>
    !/^\s*"?(exit|logoff|shutdown|stress|fuzz|count)\b/i.test(line) && !/start|run/.test(line);
  const line = fc
    .oneof(
      fc.tuple(command, fc.array(word, { maxLength: 4 })).map(([name, words]) => [name, ...words].join(' ')),
      word,
    )
    // No key that ends the line early, and no name server for each of hundreds of words.
    .map((text) => [...text].filter((char) => !'\r\n\u0003\u0015'.includes(char)).join(''))
    .filter(harmless)
    .filter((text) => !/fetch/.test(text));
  const lines = fc.sample(line, { numRuns: 120, seed: 20_240_501 });
  for (const [i, text] of lines.entries()) {
    const port = i % 2;
    guest.console.type(`${text}\n`, port);
    await guest.console.waitFor(PROMPT, { port, seconds: 30 });
  }
  // A very long line, and nothing at all.
  guest.console.type(`${'echo '.repeat(800)}\n`, 0);
  await guest.console.waitFor(PROMPT, { port: 0 });
  t.is(await guest.run(''), '');
  t.is(await guest.run('echo still here'), 'still here\n');
  t.is(await guest.run('echo here too', { port: 1 }), 'here too\n');
  const { records } = await finishAndVerify(t, guest);
  t.false(records.some(({ kind }) => kind === 'halt'));
});

test.serial('system calls with arbitrary numbers and arguments do not take the kernel down', async (t) => {
  const guest = await recordNtlet(t);
  await guest.booted();
  await guest.logIn(0, 'guest', 'guest');
  // The slow tests try other seeds.
  t.regex(await guest.run('fuzz 25 7'), /fuzz: 25 processes/);
  t.is(await guest.run('echo still here'), 'still here\n');
  const { records, report } = await finishAndVerify(t, guest);
  t.true(report.calls > 1000, `${report.calls}`);
  t.false(records.some(({ kind }) => kind === 'halt'));
});
