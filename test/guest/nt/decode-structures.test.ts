/** What the words of a call point to: structures, information classes, registry values, messages, control codes. */
import test from 'ava';
import { Caller, utf16 } from './decode-memory.ts';

/** Bytes of words, and of texts in UTF-16. */
function bytesOf(...parts: readonly (number | string | bigint)[]): Uint8Array {
  const pieces = parts.flatMap((part) => {
    if (typeof part === 'string') return [...utf16(part)];
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt.asUintN(64, BigInt(part)), true);
    return [...new Uint8Array(view.buffer, 0, typeof part === 'bigint' ? 8 : 4)];
  });
  return Uint8Array.from(pieces);
}

const DAY = 127_362_240_000_000_000n;
const ISO = '2004-08-06T00:00:00.000Z';

test('information of a file, by its class', (t) => {
  const caller = new Caller();
  const query = (number: number, bytes: Uint8Array, length = bytes.length) => {
    const at = caller.put(bytes);
    return caller.call('NtQueryInformationFile', [12, caller.words(0, bytes.length), at, length, number]);
  };
  const basic = query(4, bytesOf(DAY, 0n, DAY, 0n, 0x21, 0));
  t.is(basic['FileInformationClass']!.text, 'FileInformationClass=FileBasicInformation');
  t.is(
    basic['FileInformation']!.text,
    `FileInformation={CreationTime: ${ISO}, LastAccessTime: 0, LastWriteTime: ${ISO}, ChangeTime: 0, ` +
      'FileAttributes: FILE_ATTRIBUTE_READONLY|FILE_ATTRIBUTE_ARCHIVE}',
  );
  const standard = query(5, bytesOf(0x2000n, 0x1234n, 1, 0x100));
  t.deepEqual(standard['FileInformation']!.value, {
    AllocationSize: 0x2000,
    EndOfFile: 0x1234,
    NumberOfLinks: 1,
    DeletePending: false,
    Directory: true,
  });
  t.is(query(9, bytesOf(8, '\\a.b'))['FileInformation']!.text, 'FileInformation={FileName: "\\\\a.b"}');
  t.is(query(14, bytesOf(7n))['FileInformation']!.text, 'FileInformation={CurrentByteOffset: 7}');
  // Too short for its class, a class without a layout, an unknown class.
  t.is(
    query(4, bytesOf(1, 2))['FileInformation']!.text,
    'FileInformation="\\x01\\x00\\x00\\x00\\x02\\x00\\x00\\x00"',
  );
  t.is(query(28, bytesOf(1))['FileInformation']!.text, 'FileInformation="\\x01\\x00\\x00\\x00"');
  t.is(query(99, bytesOf(1))['FileInformationClass']!.text, 'FileInformationClass=0x63');
  // What the call says it has written may be more than there was room for.
  const length = query(9, bytesOf(200, 'abcd', 'outside'), 12)['FileInformation']!;
  t.is(length.text, 'FileInformation={FileName: "abcd"}');
});

test('renaming and deleting a file', (t) => {
  const caller = new Caller();
  const set = (number: number, bytes: Uint8Array) =>
    caller.call('NtSetInformationFile', [12, caller.words(0, 0), caller.put(bytes), bytes.length, number])[
      'FileInformation'
    ]!.text;
  t.is(
    set(10, bytesOf(1, 8, 12, '\\x.exe')),
    'FileInformation={ReplaceIfExists: TRUE, RootDirectory: 0x8 \\Device\\Console0, FileName: "\\\\x.exe"}',
  );
  t.is(set(13, Uint8Array.of(1)), 'FileInformation={DeleteFile: TRUE}');
});

/** An entry of FileBothDirectoryInformation: its name is at offset 94. */
function entry(next: number, name: string): Uint8Array {
  const bytes = new Uint8Array(next || 94 + 2 * name.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, next, true);
  view.setBigUint64(40, 77n, true);
  view.setUint32(60, 2 * name.length, true);
  bytes.set(utf16(name), 94);
  return bytes;
}

test('a directory: linked entries, and links that lead nowhere', (t) => {
  const caller = new Caller();
  const list = (bytes: Uint8Array) =>
    caller.call('NtQueryDirectoryFile', [
      8,
      0,
      0,
      0,
      caller.words(0, bytes.length),
      caller.put(bytes),
      4096,
      3,
      0,
      0,
      0,
    ])['FileInformation']!;
  const two = list(Uint8Array.from([...entry(120, '.'), ...entry(0, 'boot.ini')]));
  t.is(two.text, 'FileInformation=[".", "boot.ini"]');
  const [, second] = two.value as { FileName: string; EndOfFile: number }[];
  t.deepEqual([second?.FileName, second?.EndOfFile], ['boot.ini', 77]);
  const itself = entry(120, 'x');
  new DataView(itself.buffer).setUint32(0, 4, true);
  t.is(list(itself).text, 'FileInformation=["x", …]');
  new DataView(itself.buffer).setUint32(0, 0xffff_fff0, true);
  t.is(list(itself).text, 'FileInformation=["x", …]');
});

test('processes and threads', (t) => {
  const caller = new Caller();
  const process = (number: number, bytes: Uint8Array) =>
    caller.call('NtQueryInformationProcess', [-1, number, caller.put(bytes), bytes.length, 0])[
      'ProcessInformation'
    ]!.text;
  t.is(
    process(0, bytesOf(0x103, 0x7ffd_f000, 1, 8, 56, 40)),
    'ProcessInformation={ExitStatus: STATUS_PENDING, PebBaseAddress: 0x7ffdf000, AffinityMask: 0x1, BasePriority: 8, ' +
      'UniqueProcessId: 56, InheritedFromUniqueProcessId: 40}',
  );
  t.is(process(7, bytesOf(0xffff_ffff)), 'ProcessInformation={DebugPort: 0xffffffff}');
  const name = caller.put(utf16('\\Device\\x'));
  t.is(process(27, bytesOf(18, name)), 'ProcessInformation={ImageFileName: "\\\\Device\\\\x"}');
  const hide = caller.call('NtSetInformationThread', [-2, 17, 0, 0]);
  t.is(hide['ThreadInformationClass']!.text, 'ThreadInformationClass=ThreadHideFromDebugger');
  t.is(hide['ThreadInformation']!.text, 'ThreadInformation=NULL');
  const exit = (status: number) =>
    caller.call('NtTerminateProcess', [-1, status], 'none')['ExitStatus']!.text;
  t.deepEqual([0, 1, 0xc000_0005, 0xc000_1234].map(exit), [
    'ExitStatus=0',
    'ExitStatus=1',
    'ExitStatus=STATUS_ACCESS_VIOLATION',
    'ExitStatus=0xc0001234',
  ]);
});

test('the length that a call gives back bounds what it has written', (t) => {
  const caller = new Caller();
  const read = (told: number) =>
    caller.call('NtReadVirtualMemory', [-1, 0x40_0000, caller.put('MZabc'), 5, told])['Buffer']!.text;
  t.is(read(0), 'Buffer="MZabc"');
  t.is(read(caller.words(2)), 'Buffer="MZ"');
  t.is(read(caller.words(500)), 'Buffer="MZabc"');
});

test('registry values by their type', (t) => {
  const caller = new Caller();
  const set = (type: number, bytes: Uint8Array) =>
    caller.call('NtSetValueKey', [16, caller.unicode('Run'), 0, type, caller.put(bytes), bytes.length]);
  const run = set(1, utf16('C:\\evil.exe\0'));
  t.is(run['ValueName']!.text, 'ValueName="Run"');
  t.is(run['Type']!.text, 'Type=REG_SZ');
  t.is(run['Data']!.text, 'Data="C:\\\\evil.exe"');
  t.is(run['Data']!.value, 'C:\\evil.exe');
  t.is(set(4, bytesOf(0x12))['Data']!.text, 'Data=0x12');
  t.is(set(5, bytesOf(0x12))['Data']!.text, 'Data=0x12000000');
  t.is(set(4, Uint8Array.of(1, 2))['Data']!.text, 'Data="\\x01\\x02"', 'not four bytes');
  t.is(set(7, utf16('a\0b\0\0'))['Data']!.text, 'Data=["a", "b"]');
  t.is(set(3, Uint8Array.of(1))['Data']!.text, 'Data="\\x01"');
  const partial = bytesOf(0, 1, 8, 'hi!\0');
  const query = caller.call('NtQueryValueKey', [
    16,
    caller.unicode('x'),
    2,
    caller.put(partial),
    64,
    caller.words(20),
  ]);
  t.is(query['KeyValueInformation']!.text, 'KeyValueInformation={TitleIndex: 0, Type: REG_SZ, Data: "hi!"}');
  t.is(query['ResultLength']!.text, 'ResultLength=20');
  const full = bytesOf(0, 4, 24, 4, 2, 'v\0', 77);
  const all = caller.call('NtEnumerateValueKey', [16, 0, 1, caller.put(full), 64, caller.words(28)]);
  t.deepEqual(all['KeyValueInformation']!.value, { TitleIndex: 0, Type: 'REG_DWORD', Name: 'v', Data: 77 });
});

test('messages of ports', (t) => {
  const caller = new Caller();
  const message = (type: number) =>
    caller.put(Uint8Array.from([...bytesOf(3 | (27 << 16), type, 16, 20, 5, 0), 0x61, 0x62, 0x63]));
  const [request, reply] = [message(0), caller.room(32)];
  const done = caller.call('NtRequestWaitReplyPort', [16, request, reply], 0, () => {
    caller.write(reply, Uint8Array.from([...bytesOf(1 | (25 << 16), 2, 8, 12, 5, 0), 0x21]));
  });
  t.is(done['RequestMessage']!.text, 'RequestMessage={Data: "abc"}');
  t.is(
    done['ReplyMessage']!.text,
    'ReplyMessage={Type: LPC_REPLY, ClientId: {UniqueProcess: 8, UniqueThread: 12}, MessageId: 5, Data: "!"}',
  );
});

test('registers: those that a CONTEXT says it has', (t) => {
  const caller = new Caller();
  const context = (flags: number) => {
    const at = caller.room(0x2cc);
    caller.set(at, flags);
    caller.set(at + 0xb0, 0xeaeaeaea, 0xebebebeb, 0x401000, 0x1b, 0x202, 0x12ff70);
    return caller.call('NtContinue', [at, 0], 'none')['ContextRecord']!;
  };
  t.is(context(0x1_0007).text, 'ContextRecord={Eip: 0x401000, Esp: 0x12ff70}');
  const all = context(0x1_0017).value as Record<string, unknown>;
  t.is(all['ContextFlags'], 'CONTEXT_FULL|CONTEXT_DEBUG_REGISTERS');
  t.deepEqual([all['Eax'], all['Ebp'], all['EFlags']], [0xeaeaeaea, 0xebebebeb, 0x202]);
  t.is(context(0x1_0010).text, 'ContextRecord={ContextFlags: CONTEXT_DEBUG_REGISTERS}');
});

test('privileges', (t) => {
  const caller = new Caller();
  const state = caller.words(1, 20, 0, 2);
  const done = caller.call('NtAdjustPrivilegesToken', [16, 0, state, 16, 0, 0]);
  t.is(done['NewState']!.text, 'NewState=[SeDebugPrivilege: SE_PRIVILEGE_ENABLED]');
});

test('control codes: known ones, the parts of others, and those of sockets only for sockets', (t) => {
  const caller = new Caller();
  caller.objects.set(20, { kind: 'socket', name: '\\Device\\Afd\\Endpoint', inode: 4 });
  const code = (service: string, handle: number, value: number) => {
    const done = caller.call(service, [handle, 0, 0, 0, 0, value, 0, 0, 0, 0]);
    return (done['IoControlCode'] ?? done['FsControlCode'])!.text.replace(/^\w+=/, '');
  };
  t.is(code('NtFsControlFile', 12, 0x11_c017), 'FSCTL_PIPE_TRANSCEIVE');
  t.is(
    code('NtDeviceIoControlFile', 8, 0x22_2003),
    '0x222003 (FILE_DEVICE_UNKNOWN, 0x800, METHOD_NEITHER, FILE_ANY_ACCESS)',
  );
  t.is(code('NtDeviceIoControlFile', 20, 0x1_2007), 'IOCTL_AFD_CONNECT');
  t.is(
    code('NtDeviceIoControlFile', 8, 0x1_2007),
    '0x12007 (FILE_DEVICE_BEEP, 0x801, METHOD_NEITHER, FILE_ANY_ACCESS)',
  );
});

test('directories of objects', (t) => {
  const caller = new Caller();
  const string = (text: string) => [2 * text.length, caller.put(utf16(text))];
  const at = caller.words(
    ...string('Afd'),
    ...string('Device'),
    ...string('Null'),
    ...string('Device'),
    0,
    0,
    0,
    0,
  );
  const done = caller.call('NtQueryDirectoryObject', [16, at, 512, 0, 1, caller.words(0), 0]);
  t.is(done['Buffer']!.text, 'Buffer=["Afd", "Null"]');
  t.deepEqual((done['Buffer']!.value as unknown[])[0], { Name: 'Afd', TypeName: 'Device' });
});
