/**
 * The demonstration of the article that asked the question: a hook on the read service, with a precall and a postcall. With
 * `--matcher single-slot` it is the article's own, one variable and all; with the default, what it should have found.
 */
import { defineHooks, type HookCall } from '../api.ts';

/** As much of a buffer as is shown. */
const SHOWN = 64;

export const seed = defineHooks('seed', ({ call, emit }) => {
  const report = (read: HookCall, buffer: number, bytes: number): void => {
    const data = read.memory.bytes(buffer, Math.min(bytes, SHOWN));
    const text = new TextDecoder('latin1').decode(data).replace(/[^\x20-\x7e]/g, '.');
    emit('read', { bytes, text });
  };

  // NTSTATUS NtReadFile(FileHandle, Event, ApcRoutine, ApcContext, IoStatusBlock, Buffer, Length, ByteOffset, Key)
  call('NtReadFile', {
    pre(read) {
      // The caller may change its variables meanwhile: where the answer goes is decided now.
      read.state = { status: read.args['IoStatusBlock'], buffer: read.args['Buffer'] };
    },
    post(read) {
      const { status = 0, buffer = 0 } = read.state as { status?: number; buffer?: number };
      if (read.outcome !== 'returned' || read.result !== 0) return;
      report(read, buffer, read.memory.u32(status + 4) ?? 0);
    },
  });

  // ssize_t sys_read(unsigned int fd, char *buf, size_t count)
  call('sys_read', {
    pre(read) {
      read.state = read.args['buf'];
    },
    post(read) {
      const bytes = (read.result ?? 0) | 0;
      if (read.outcome === 'returned' && bytes > 0) report(read, Number(read.state), bytes);
    },
  });
});
