/** Calls in a made memory, as people and programs see them. */
import test from 'ava';
import { beginNtCall, finishNtCall } from '../../../src/guest/nt/decode.ts';
import { ABSENT, ACCESS_DENIED, Caller, utf16 } from './decode-memory.ts';

const PENDING = 0x103;

test('NtCreateFile: names of everything, and what came of it', (t) => {
  const caller = new Caller();
  const handle = caller.words(0);
  const status = caller.words(0, 0);
  const words = [
    handle,
    0xc010_0000,
    caller.attributes('\\??\\C:\\boot.ini'),
    status,
    0,
    0x80,
    3,
    1,
    0x60,
    0,
    0,
  ];
  const done = caller.call('NtCreateFile', words, 0, () => {
    caller.set(handle, 12);
    caller.set(status, 0, 1);
  });
  const texts = Object.values(done).flatMap((one) => (typeof one === 'string' ? [] : one.text));
  t.deepEqual(texts, [
    'FileHandle=0xc \\Device\\HarddiskVolume1\\boot.ini',
    'DesiredAccess=GENERIC_READ|GENERIC_WRITE|SYNCHRONIZE',
    'ObjectAttributes={ObjectName: "\\\\??\\\\C:\\\\boot.ini", Attributes: OBJ_CASE_INSENSITIVE}',
    'IoStatusBlock={Status: STATUS_SUCCESS, Information: FILE_OPENED}',
    'AllocationSize=NULL',
    'FileAttributes=FILE_ATTRIBUTE_NORMAL',
    'ShareAccess=FILE_SHARE_READ|FILE_SHARE_WRITE',
    'CreateDisposition=FILE_OPEN',
    'CreateOptions=FILE_SYNCHRONOUS_IO_NONALERT|FILE_NON_DIRECTORY_FILE',
    'EaBuffer=NULL',
    'EaLength=0',
  ]);
  t.is(done.result, 'STATUS_SUCCESS');
  t.deepEqual(done['FileHandle']!.value, {
    handle: 12,
    kind: 'file',
    name: '\\Device\\HarddiskVolume1\\boot.ini',
  });
  t.deepEqual(done['ObjectAttributes']!.value, {
    ObjectName: '\\??\\C:\\boot.ini',
    Attributes: 'OBJ_CASE_INSENSITIVE',
  });
});

test('outputs are read only of a call that has filled them in', (t) => {
  const caller = new Caller();
  const buffer = caller.put('stale bytes');
  const status = caller.words(0, 5);
  const words = [8, 0, 0, 0, status, buffer, 11, 0, 0];
  for (const [result, text] of [
    [0, 'Buffer="stale"'],
    [0x8000_0005, 'Buffer="stale"'],
    [ACCESS_DENIED, `Buffer=@0x${buffer.toString(16)}`],
    [PENDING, `Buffer=@0x${buffer.toString(16)}`],
    [0xc0, `Buffer=@0x${buffer.toString(16)}`],
    ['none', `Buffer=@0x${buffer.toString(16)}`],
  ] as const) {
    const done = caller.call('NtReadFile', words, result);
    t.is(done['Buffer']!.text, text);
    t.is(done['FileHandle']!.text, 'FileHandle=0x8 \\Device\\Console0');
    if (result === 'none') t.is(done.result, '?');
  }
});

test('inputs are those of the entry', (t) => {
  const caller = new Caller();
  const buffer = caller.put('dir\r\n');
  const words = [8, 0, 0, 0, caller.words(0, 5), buffer, 5, 0, 0];
  const done = caller.call('NtWriteFile', words, ACCESS_DENIED, () => {
    caller.write(buffer, new Uint8Array(5));
    caller.objects.delete(8);
  });
  t.is(done['Buffer']!.text, 'Buffer="dir\\r\\n"');
  t.deepEqual(done['Buffer']!.value, { length: 5, text: 'dir\r\n' });
  t.is(done['FileHandle']!.text, 'FileHandle=0x8 \\Device\\Console0');
  t.is(done.result, 'STATUS_ACCESS_DENIED');
});

test('buffers: text, UTF-16, binary; cut in the text at 32 bytes, in the data at 4096', (t) => {
  const caller = new Caller();
  const write = (bytes: Uint8Array | string, length?: number) => {
    const at = caller.put(bytes);
    return caller.call('NtWriteFile', [8, 0, 0, 0, 0, at, length ?? bytes.length, 0, 0])['Buffer']!;
  };
  t.is(write('').text, 'Buffer=""');
  const letters = 'x'.repeat(33);
  t.is(write(letters).text, `Buffer="${'x'.repeat(32)}"…`);
  t.deepEqual(write(letters).value, { length: 33, text: letters });
  t.is(write(utf16('dir\r\n')).text, 'Buffer=L"dir\\r\\n"');
  const binary = write(Uint8Array.of(0, 0xff, 0x22, 0x5c, 0x41));
  t.is(binary.text, 'Buffer="\\x00\\xff\\"\\\\A"');
  t.deepEqual(binary.value, { length: 5, text: '\\x00\\xff\\"\\\\A', base64: 'AP8iXEE=' });
  t.is(write(Uint8Array.of(0x40, 0, 0, 0)).text, 'Buffer="@\\x00\\x00\\x00"', 'a number is no text');
  const long = write('y'.repeat(5000)).value as { length: number; read: number; text: string };
  t.deepEqual([long.length, long.read, long.text.length], [5000, 4096, 4096]);
  // A character of two bytes across the cut.
  const split = write(new TextEncoder().encode(`${'z'.repeat(4095)}é!`)).value as { text: string };
  t.is(split.text, 'z'.repeat(4095));
  const huge = caller.call('NtWriteFile', [8, 0, 0, 0, 0, ABSENT, 0xffff_ffff, 0, 0])['Buffer']!;
  t.is(huge.text, 'Buffer=@0x7fff0000');
});

test('what is not in memory is an address, and an input that the kernel has brought in is read later', (t) => {
  const [before, after] = [new Caller(0x1000), new Caller(0x4000)];
  const at = after.attributes('\\Device\\Afd');
  const none = () => undefined;
  const parameters = [{ name: 'ObjectAttributes', type: 'POBJECT_ATTRIBUTES' }];
  const entry = beginNtCall('NtDeleteFile', parameters, [at], before.memory, none);
  const text = (result: number | undefined, memory = after.memory) =>
    finishNtCall(entry, result, memory, none).arguments[0]!.text;
  t.is(text(0, before.memory), `ObjectAttributes=@0x${at.toString(16)}`);
  t.is(text(undefined), `ObjectAttributes=@0x${at.toString(16)}`);
  const read = 'ObjectAttributes={ObjectName: "\\\\Device\\\\Afd", Attributes: OBJ_CASE_INSENSITIVE}';
  t.is(text(0), read);
  t.is(text(ACCESS_DENIED), read);

  // The name alone is absent.
  const caller = new Caller();
  const attributes = caller.words(24, 0, ABSENT, 0, 0, 0);
  const opened = caller.call('NtDeleteFile', [attributes]);
  t.is(opened['ObjectAttributes']!.text, 'ObjectAttributes={ObjectName: @0x7fff0000}');
});

test('what goes in and comes out has both', (t) => {
  const caller = new Caller();
  const [base, size] = [caller.words(0), caller.words(0xd4)];
  const done = caller.call('NtAllocateVirtualMemory', [0xffff_ffff, base, 0, size, 0x3000, 4], 0, () => {
    caller.set(base, 0x10_0000);
    caller.set(size, 0x1000);
  });
  t.is(done['ProcessHandle']!.text, 'ProcessHandle=NtCurrentProcess()');
  t.is(done['BaseAddress']!.text, 'BaseAddress=0x0 → 0x100000');
  t.deepEqual(done['RegionSize']!.value, { in: 0xd4, out: 0x1000 });
  t.is(done['AllocationType']!.text, 'AllocationType=MEM_COMMIT|MEM_RESERVE');
  t.is(done['Protect']!.text, 'Protect=PAGE_READWRITE');
  caller.set(base, 0x5000);
  const failed = caller.call(
    'NtAllocateVirtualMemory',
    [0xffff_ffff, base, 0, size, 0x3000, 4],
    ACCESS_DENIED,
  );
  t.is(failed['BaseAddress']!.text, 'BaseAddress=0x5000');
});

test('times are relative or absolute, offsets in files can be special', (t) => {
  const caller = new Caller();
  const delay = (value: bigint) =>
    caller.call('NtDelayExecution', [0, caller.large(value)])['DelayInterval']!.text;
  t.is(delay(-15_000n), 'DelayInterval=relative 1.5 ms');
  t.is(delay(0n), 'DelayInterval=relative 0 ms');
  t.is(delay(-(2n ** 63n)), 'DelayInterval=infinite');
  t.is(delay(127_362_240_000_000_000n), 'DelayInterval=absolute 2004-08-06T00:00:00.000Z');
  const offset = (value: bigint) =>
    caller.call('NtReadFile', [8, 0, 0, 0, 0, 0, 0, caller.large(value), 0])['ByteOffset']!.text;
  t.is(offset(0x1_0000_0000n), 'ByteOffset=0x100000000');
  t.is(offset(-1n), 'ByteOffset=FILE_WRITE_TO_END_OF_FILE');
  t.is(offset(-2n), 'ByteOffset=FILE_USE_FILE_POINTER_POSITION');
});

test('waits: arrays of handles, and the object that ended it', (t) => {
  const caller = new Caller();
  const wait = (count: number, result: number) =>
    caller.call(
      'NtWaitForMultipleObjects',
      [count, caller.words(8, 16, 0xffff_fffe), 1, 0x1ff_ff00, 0],
      result,
    );
  const done = wait(3, 1);
  t.is(done['Handles']!.text, 'Handles=[0x8 \\Device\\Console0, 0x10 (event), NtCurrentThread()]');
  t.is(done['WaitType']!.text, 'WaitType=WaitAny');
  t.is(done['Alertable']!.text, 'Alertable=FALSE', 'a BOOLEAN is a byte');
  t.is(done.result, 'STATUS_WAIT_1');
  t.is(wait(1, 0).result, 'STATUS_WAIT_0');
  t.is(wait(1, 0x102).result, 'STATUS_TIMEOUT');
  t.is((wait(0xffff_ffff, 0)['Handles']!.value as unknown[]).length, 64);
});

test('access is named by what is opened', (t) => {
  const caller = new Caller();
  const access = (service: string, mask: number) =>
    caller.call(service, [0, mask, 0, 0, 0, 0])['DesiredAccess']!.text.slice('DesiredAccess='.length);
  t.is(
    access('NtOpenProcess', 0x41a),
    'PROCESS_CREATE_THREAD|PROCESS_VM_OPERATION|PROCESS_VM_READ|PROCESS_QUERY_INFORMATION',
  );
  t.is(access('NtOpenProcess', 0x1f_0fff), 'PROCESS_ALL_ACCESS');
  t.is(access('NtOpenThread', 0x10), 'THREAD_SET_CONTEXT');
  t.is(access('NtOpenKey', 0x2_001f), 'KEY_READ|KEY_WRITE');
  t.is(
    access('NtCreateSection', 0x1f),
    'SECTION_QUERY|SECTION_MAP_WRITE|SECTION_MAP_READ|SECTION_MAP_EXECUTE|SECTION_EXTEND_SIZE',
  );
  t.is(access('NtOpenProcessToken', 0x28), 'TOKEN_QUERY|TOKEN_ADJUST_PRIVILEGES');
  t.is(access('NtOpenJobObject', 0x2_0001), 'READ_CONTROL|0x1', 'no names of another kind');
});

test('a handle of another process has no name', (t) => {
  const caller = new Caller();
  const target = caller.words(8);
  const duplicate = (from: number, to: number) =>
    caller.call('NtDuplicateObject', [from, 8, to, target, 0, 0, 2]);
  t.is(duplicate(-1, -1)['SourceHandle']!.text, 'SourceHandle=0x8 \\Device\\Console0');
  t.is(duplicate(-1, -1)['TargetHandle']!.text, 'TargetHandle=0x8 \\Device\\Console0');
  t.is(duplicate(0x40, -1)['SourceHandle']!.text, 'SourceHandle=0x8');
  t.is(duplicate(-1, 0x40)['TargetHandle']!.text, 'TargetHandle=0x8');
  t.is(duplicate(-1, -1)['Options']!.text, 'Options=DUPLICATE_SAME_ACCESS');
});

test('names in a text show what would not be seen', (t) => {
  const caller = new Caller();
  const text = (name: string) => caller.call('NtLoadDriver', [caller.unicode(name)])['DriverServiceName']!;
  t.is(text('a\u202efdp.exe').text, 'DriverServiceName="a\\u202efdp.exe"');
  t.is(text('\ud800x\0').text, 'DriverServiceName="\\ud800x\\u0000"');
  t.is(text('übel').text, 'DriverServiceName="übel"');
  t.is(text('p'.repeat(300)).text, `DriverServiceName="${'p'.repeat(256)}"…`);
  t.is(text('p'.repeat(300)).value, 'p'.repeat(300));
  t.is(text('').text, 'DriverServiceName=""');
});

test('words without parameters, and parameters without words', (t) => {
  const { memory } = new Caller();
  const none = () => undefined;
  const decode = (
    name: string,
    parameters: { name: string; type: string }[],
    words: number[],
    result: number,
  ) => finishNtCall(beginNtCall(name, parameters, words, memory, none), result, memory, none);
  const user = decode('NtUserCallOneParam', [], [2, 0xffff_ffff], 3);
  t.deepEqual(
    user.arguments.map(({ text }) => text),
    ['arg0=0x2', 'arg1=0xffffffff'],
  );
  t.is(user.resultText, '0x3', 'not a status');
  const close = decode('NtClose', [{ name: 'Handle', type: 'HANDLE' }], [], 0);
  t.deepEqual(close.arguments, [{ name: 'Handle', type: 'HANDLE', value: null, text: 'Handle=?' }]);
});
