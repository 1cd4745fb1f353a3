/** Every system call with its arguments and its result, in the manner of strace: `sys_*` on Linux, `Nt*` on NT. */
import { defineHooks, type HookCall } from '../api.ts';

export const syscalls = defineHooks('syscalls', ({ call, emit }) => {
  const handlers = {
    pre(one: HookCall): void {
      // What the arguments point to may be other things later.
      one.describe();
    },
    post(one: HookCall): void {
      const described = one.describe();
      emit('syscall', {
        line: true,
        text: one.text,
        arguments: described.map(({ name, type, value, text }) => ({ name, type, value, text })),
        resultText: one.resultText,
      });
    },
  };
  call('sys_*', handlers);
  call('Nt*', handlers);
});
