import { join } from 'node:path';
import test from 'ava';
import type { Finding } from '../../../src/hooks/findings.ts';
import { bootPc, debianGuest } from '../../support/debian.ts';
import { temporaryFolder } from '../../support/probe.ts';
import { recordGuest } from '../../support/record-guest.ts';
import { findWith } from './support.ts';

/** The shell may ask its terminal for the cursor's place after it. */
const PROMPT = /[#$] (.\[6n)?$/;
const USER = 1000;

interface Object {
  readonly kind: string;
  readonly name: string;
  readonly inode: number;
}
const objectOf = ({ data }: Finding): Object => data['object'] as Object;
const bytes = ({ data }: Finding, field = 'data'): string =>
  Buffer.from(String(data[field] ?? ''), 'base64').toString('latin1');

test('Debian: an intruder at the console, and from there by telnet', async (t) => {
  t.timeout(500_000);
  const path = join(temporaryFolder(t), 'session.rebek');
  const { machine, images } = await debianGuest();
  const boot = await bootPc(machine, images);
  t.teardown(() => boot.pc.destroy());
  await boot.console.waitFor(/login: $/);
  const state = await boot.pc.saveState();
  await boot.pc.stop();
  const from = { name: 'at-login', state };
  const { console, typed, finish } = await recordGuest(t, { machine, images, output: path, from });

  /** By terminal: who reads which line, and as whom. */
  const expected: Record<string, [process: string, uid: number, line: string][]> = { ttyS0: [], 'pts/0': [] };
  const say = async (line: string, keys = line): Promise<void> => {
    console.type(`${keys}\r`);
    await console.waitFor(PROMPT, { seconds: 60 });
  };
  const logIn = async (user: string): Promise<void> => {
    await console.logIn(user);
    expected['ttyS0']!.push(['getty', 0, user], ['login', 0, user]);
  };
  const shell = async (uid: number, line: string, keys = line): Promise<void> => {
    expected['ttyS0']!.push(['sh', uid, line]);
    await say(line, keys);
  };

  // The call in which getty waits has begun before the trace; what begins later is seen.
  console.type('\n');
  await logIn('user');
  await shell(USER, 'ls -l /home', 'lx\x7fs -l /hone\x7f\x7fme');
  await shell(USER, 'cat /etc/passwd > /tmp/copy');
  await shell(USER, 'sort /etc/passwd | head -n 2');
  await shell(USER, 'sleep 1 &');
  await shell(USER, 'wget -q -O - http://127.0.0.1/');
  await shell(USER, 'cat /etc/shadow');
  expected['ttyS0']!.push(['sh', USER, 'exit']);
  console.type('exit\r');
  await logIn('root');
  await shell(0, 'echo loot > /root/loot');
  expected['ttyS0']!.push(['sh', 0, 'telnet 127.0.0.1']);
  console.type('telnet 127.0.0.1\r');
  await console.logIn('user');
  await say('exit');
  for (const line of ['user', 'user', 'exit']) expected['ttyS0']!.push(['telnet', 0, line]);
  expected['pts/0']!.push(['login', 0, 'user'], ['login', 0, 'user'], ['sh', USER, 'exit']);
  const recorded = await finish();

  const { of, texts, result, findings } = await findWith(path, 'sebek');
  t.deepEqual(result.replay.final, recorded.final);
  t.is(result.problems, 0);

  for (const [terminal, lines] of Object.entries(expected)) {
    const found = of('keystrokes').filter((one) => objectOf(one).name === `/dev/${terminal}`);
    const whole = found.filter(({ data }) => data['ended'] === 'enter' && data['typed'] !== '');
    t.deepEqual(
      whole.map(({ process, data }) => [process?.name, process?.uid, data['typed']]),
      lines,
      terminal,
    );
    t.true(
      whole.every(
        ({ data, instruction }) =>
          Number(data['first']) <= Number(data['last']) && data['last'] === instruction,
      ),
    );
  }
  const keys = of('keystrokes').filter((one) => objectOf(one).name === '/dev/ttyS0');
  t.is(
    keys.map((one) => bytes(one, 'keys').replace(/\n/g, '\r')).join(''),
    // What is in the trace but for the key that ended the call in which getty was.
    typed[0]!.slice(1).replaceAll('\n', '\r'),
    'every key, also those that were taken back',
  );

  const commands = of('exec').map(({ process, data }) => [
    process?.uid,
    data['commandLine'] ?? process?.name,
  ]);
  for (const [uid, command] of [
    [0, '/bin/login -- user'],
    [USER, '-sh'],
    [USER, 'cat /etc/passwd'],
    [USER, 'sort'],
    [USER, 'head'],
    [USER, 'sleep 1'],
    [USER, 'wget -q -O - http://127.0.0.1/'],
    [0, '/bin/login -- root'],
    [0, 'telnet 127.0.0.1'],
  ]) {
    t.true(
      commands.some(([who, what]) => who === uid && what === command),
      `${command} as ${uid}`,
    );
  }
  // Each process that begins is told by itself and by its parent.
  const born = of('fork').filter(({ data }) => data['parent'] !== undefined);
  t.true(born.length > 10);
  for (const { process, data } of born) {
    const told = of('fork').filter((one) => one.data['child'] === process?.pid);
    t.deepEqual(
      told.map((one) => one.process?.pid),
      [data['parent']],
      `${process?.pid}`,
    );
  }
  const sleeper = of('exec').find(({ data }) => data['commandLine'] === 'sleep 1')!;
  t.true(born.some(({ process }) => process?.key === sleeper.process?.key));

  const passwords = of('read').filter(
    (one) => objectOf(one).name === '/etc/passwd' && one.process?.name === 'sort',
  );
  t.regex(passwords.map((one) => bytes(one)).join(''), /^root:x:0:0:/);
  const copied = of('write').filter((one) => objectOf(one).name === '/tmp/copy');
  t.is(
    copied.reduce((sum, { data }) => sum + Number(data['bytes']), 0),
    passwords.reduce((sum, { data }) => sum + Number(data['bytes']), 0),
  );
  t.is(copied[0]?.process?.name, 'cat');
  t.deepEqual(
    texts('open', 'cat').filter((line) => line.includes('shadow')),
    ['cannot open /etc/shadow: EACCES (Permission denied)'],
  );
  const loot = of('write').find((one) => objectOf(one).name === '/root/loot')!;
  t.is(bytes(loot), 'loot\n');
  t.like(loot.process, { name: 'sh', uid: 0 });

  // A pipe has an inode, by which its two ends are known.
  const into = of('write').filter((one) => one.process?.name === 'sort' && objectOf(one).kind === 'pipe');
  const out = of('read').filter((one) => one.process?.name === 'head' && objectOf(one).kind === 'pipe');
  t.is(objectOf(into[0]!).inode, objectOf(out[0]!).inode);
  t.is(into.map((one) => bytes(one)).join(''), out.map((one) => bytes(one)).join(''));

  const sockets = of('socket');
  const to = (name: string, port: number): Finding | undefined =>
    sockets.find(
      ({ process, data }) =>
        process?.name === name &&
        data['call'] === 'connect' &&
        (data['remote'] as { port?: number })?.port === port,
    );
  const web = to('wget', 80)!;
  t.like(web.data, { number: 3, protocol: 6, remote: { family: 'inet', address: '127.0.0.1', port: 80 } });
  t.is(objectOf(web).kind, 'socket');
  const page = of('read').filter((one) => objectOf(one).inode === objectOf(web).inode);
  t.regex(page.map((one) => bytes(one)).join(''), /It works!/);
  t.like(to('telnet', 23)?.data, { protocol: 6 });
  t.true(sockets.some(({ process, data }) => process?.name === 'telnetd' && data['call'] === 'accept'));
  t.true(findings.every(({ process }) => process !== null));
});
