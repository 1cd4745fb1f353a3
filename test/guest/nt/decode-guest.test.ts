/** Real calls: what ntlet's programs read and write is what the trace keeps of its consoles. */
import test from 'ava';
import { beginNtCall, finishNtCall, type NtArgument, type NtEntry } from '../../../src/guest/nt/decode.ts';
import { serviceSignature } from '../../../src/guest/nt/signatures.ts';
import { defineHooks, type HookCall } from '../../../src/hooks/api.ts';
import { analyse } from '../../../src/output/analysis.ts';
import { dumpEvents } from '../../../src/trace/dump.ts';
import { TRACES } from './told.ts';

interface Seen {
  readonly service: string;
  readonly process: string | undefined;
  readonly result: number | undefined;
  readonly resultText: string;
  readonly arguments: { readonly [name: string]: NtArgument };
}

async function callsOf(path: string): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  const object = (call: HookCall) => (handle: number) => call.process?.object(handle);
  const hooks = defineHooks('decode', ({ call }) =>
    call('Nt*', {
      pre(one) {
        const parameters = serviceSignature(one.name, undefined).parameters ?? [];
        const words = parameters.map((_, i) => one.word(i)!);
        one.state = beginNtCall(one.name, parameters, words, one.memory, object(one));
      },
      post(one) {
        const done = finishNtCall(one.state as NtEntry, one.result, one.memory, object(one));
        seen.push({
          service: one.name,
          process: one.caller?.process.name,
          result: one.result,
          resultText: done.resultText,
          arguments: Object.fromEntries(done.arguments.map((argument) => [argument.name, argument])),
        });
      },
    }),
  );
  await analyse(path, { hooks: [hooks], strict: true, onLine: () => {} });
  return seen;
}

/** All that went over a serial port. */
function consoleOf(path: string, port: number, direction: 'in' | 'out'): string {
  let text = '';
  for (const event of dumpEvents(path, { stream: 'console' }))
    if ('direction' in event && event.direction === direction && event.port === port)
      text += Buffer.from(event.bytes).toString('latin1');
  return text;
}

const textOf = (argument: NtArgument | undefined): string =>
  (argument?.value as { text?: string } | null | undefined)?.text ?? '';

for (const { file, path } of TRACES) {
  test.serial(`${file}: what was read and written at the consoles`, async (t) => {
    const seen = await callsOf(path);
    t.true(seen.length > 400);
    let lines = 0;
    for (const port of [0, 1]) {
      const calls = seen.filter(
        (one) =>
          /^Nt(Read|Write)File$/.test(one.service) &&
          one.resultText === 'STATUS_SUCCESS' &&
          one.arguments['FileHandle']!.text.endsWith(` \\Device\\Serial${port}`),
      );
      const textsOf = (service: string) =>
        calls.filter((one) => one.service === service).map((one) => textOf(one.arguments['Buffer']));
      const read = textsOf('NtReadFile');
      lines += read.length;
      t.is(read.join(''), consoleOf(path, port, 'in'), `input of console ${port}`);

      // The driver makes CR LF of LF.
      const plain = (text: string) => text.replaceAll('\r', '');
      const output = plain(consoleOf(path, port, 'out'));
      const written = textsOf('NtWriteFile').map(plain);
      let at = 0;
      for (const text of written) {
        const found = output.indexOf(text, at);
        t.true(found >= 0, `${JSON.stringify(text)} on console ${port}`);
        at = found + text.length;
      }
      // What no program has written is the driver's echo: lines as they are typed, and only the ends of passwords.
      let echo = 0;
      let prompt = '';
      for (const { service, arguments: words } of calls) {
        const text = textOf(words['Buffer']);
        if (service === 'NtWriteFile') prompt = text;
        else echo += prompt === 'password: ' ? 1 : text.length;
      }
      t.is(written.join('').length + echo, output.length);
    }
    t.true(lines > 2);
  });
}

test.serial('the attack, call by call', async (t) => {
  const seen = await callsOf(TRACES[0]!.path);
  const has = (service: string, ...texts: readonly string[]) => {
    const found = seen.some(
      (one) =>
        one.service === service &&
        texts.every((text) => Object.values(one.arguments).some((argument) => argument.text.includes(text))),
    );
    t.true(found, `${service}: ${texts.join(', ')}`);
  };
  // The session in the trace: a file read, copied and deleted, processes listed and killed, a download.
  has('NtCreateFile', 'ObjectName: "\\\\??\\\\C:\\\\Documents\\\\payroll.csv"', 'Status: STATUS_SUCCESS');
  has('NtReadFile', 'FileHandle=0x4 \\WINNT\\system32\\config\\sam', 'Administrator:honey\\nguest:guest');
  has('NtDeleteFile', 'ObjectAttributes={ObjectName: "\\\\??\\\\C:\\\\stage2.cfg"');
  has('NtQueryDirectoryFile', 'FileInformation=["payroll.csv"]');
  has('NtQuerySystemInformation', '"smss.exe", "winlogon.exe", "winlogon.exe", "cmd.exe"');
  has('NtOpenProcess', 'DesiredAccess=PROCESS_TERMINATE', 'UniqueProcess: 56');
  has('NtTerminateProcess', 'beacon.exe (56)', 'ExitStatus=STATUS_CONTROL_C_EXIT');
  has('NtWriteVirtualMemory', 'Buffer=L"C:\\\\WINNT\\\\system32\\\\winlogon.exe"');
  has('NtRequestWaitReplyPort', 'RequestMessage={Data: ', 'Administrator');
  t.deepEqual(
    [...new Set(seen.map(({ resultText }) => resultText))].filter((text) => !/^(STATUS_\w+|\?)$/.test(text)),
    [],
  );
  // Calls that have not come back show what they were given.
  const open = seen.filter(({ result, service }) => result === undefined && service === 'NtDelayExecution');
  t.true(open.length > 0);
  for (const one of open) t.is(one.arguments['DelayInterval']!.text, 'DelayInterval=relative 200 ms');
});
