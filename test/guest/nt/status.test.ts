import test from 'ava';
import { isErrorStatus, statusName, statusText } from '../../../src/guest/nt/status.ts';

test('statuses have the names of ntstatus.h', (t) => {
  const known: readonly (readonly [number, string])[] = [
    [0, 'STATUS_SUCCESS'],
    [1, 'STATUS_WAIT_1'],
    [63, 'STATUS_WAIT_63'],
    [0x80, 'STATUS_ABANDONED_WAIT_0'],
    [0xbf, 'STATUS_ABANDONED_WAIT_63'],
    [0xc0, 'STATUS_USER_APC'],
    [0x102, 'STATUS_TIMEOUT'],
    [0x103, 'STATUS_PENDING'],
    [0x10002, 'DBG_CONTINUE'],
    [0x4000_0003, 'STATUS_IMAGE_NOT_AT_BASE'],
    [0x8000_0005, 'STATUS_BUFFER_OVERFLOW'],
    [0x8000_0006, 'STATUS_NO_MORE_FILES'],
    [0x8000_001a, 'STATUS_NO_MORE_ENTRIES'],
    [0xc000_0005, 'STATUS_ACCESS_VIOLATION'],
    [0xc000_0011, 'STATUS_END_OF_FILE'],
    [0xc000_0022, 'STATUS_ACCESS_DENIED'],
    [0xc000_0023, 'STATUS_BUFFER_TOO_SMALL'],
    [0xc000_0034, 'STATUS_OBJECT_NAME_NOT_FOUND'],
    [0xc000_0043, 'STATUS_SHARING_VIOLATION'],
    [0xc000_0061, 'STATUS_PRIVILEGE_NOT_HELD'],
    [0xc000_00b1, 'STATUS_PIPE_CLOSING'],
    [0xc000_0120, 'STATUS_CANCELLED'],
    [0xc000_013a, 'STATUS_CONTROL_C_EXIT'],
    [0xc000_014b, 'STATUS_PIPE_BROKEN'],
    [0xc000_0258, 'STATUS_NO_CALLBACK_ACTIVE'],
  ];
  for (const [status, name] of known) {
    t.is(statusName(status), name);
    t.is(statusText(status | 0), name, 'signed');
  }
});

test('an unknown status is its number', (t) => {
  t.is(statusName(0xc000_1234), undefined);
  t.is(statusText(0xc000_1234), '0xC0001234');
  t.is(statusText(0x40), '0x00000040');
});

test('only errors are errors', (t) => {
  t.deepEqual([0, 0x103, 0x4000_0000, 0x8000_0005, 0xc000_0001, -1].map(isErrorStatus), [
    false,
    false,
    false,
    false,
    true,
    true,
  ]);
});
