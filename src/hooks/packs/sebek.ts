/**
 * All that Sebek and Qebek report of an intruder: keystrokes, reads and writes with their data, opened files, sockets, forks
 * and started programs, on Linux and NT.
 *
 * - `keystrokes`: a line typed at a terminal: `typed`, `keys` (all bytes), `first` and `last` (instruction counts), how it `ended`
 * - `read`, `write`: `bytes` moved, and `data`, at most 64 KiB of it; none for those that went `through` the kernel only
 * - `open`: `path` as given, and what it was opened as; `error` if it was not
 * - `socket`: `call` and its `number` in Sebek's records, `protocol`, `local` and `remote` end as far as calls have named them
 * - `fork`: by the parent, with `child`; and by the child, with `parent`
 * - `exec`: `path`, `arguments`, `commandLine`
 *
 * Files and sockets are `fd` (or handle), and `object` with kind, name and inode. What programs read through mapped memory is no
 * call, and so is not here.
 */
import { defineHooks, type Hooks } from '../api.ts';
import { hookLinux } from './sebek/linux.ts';
import { hookNt } from './sebek/nt.ts';
import { Story } from './sebek/story.ts';

export const sebek = defineHooks('sebek', (hooks) => {
  const story = new Story(hooks.emit);
  let hooked = false;
  hooks.process({
    start() {
      // The first processes are seen as soon as it is known what runs there; functions that it lacks are not asked for.
      const { os } = hooks;
      if (hooked || os === undefined) return;
      hooked = true;
      const call: Hooks['call'] = (name, handlers) => {
        if (typeof name === 'string' && os.functions(name).length > 0) hooks.call(name, handlers);
      };
      const ask = os.family === 'linux' ? hookLinux : hookNt;
      ask({ ...hooks, call }, story);
    },
    end({ process }) {
      story.finish('exit', process);
    },
  });
  hooks.end(() => story.finishAll());
});
