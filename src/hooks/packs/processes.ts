/** Processes from birth to death: who made whom, with which command line, and what became of it. */
import { defineHooks, type HookProcess } from '../api.ts';

export const processes = defineHooks('processes', ({ process, emit, end }) => {
  /** By key; the order is that in which they were first seen running. */
  const seen = new Map<number, { readonly process: HookProcess; commandLine: string | undefined }>();

  const look = (one: HookProcess): { commandLine?: string; imagePath?: string } => {
    const { commandLine, imagePath } = one.details();
    const known = seen.get(one.key);
    if (known !== undefined) known.commandLine = commandLine ?? known.commandLine;
    return {
      ...(commandLine !== undefined && { commandLine }),
      ...(imagePath !== undefined && { imagePath }),
    };
  };
  const title = (one: HookProcess): string => seen.get(one.key)?.commandLine ?? one.name;

  process({
    start({ process: one }) {
      if (one === undefined) return;
      seen.set(one.key, { process: one, commandLine: undefined });
      emit('start', { ...look(one), text: `starts: ${title(one)}` });
    },
    exec({ process: one }) {
      if (one === undefined) return;
      emit('exec', { ...look(one), text: `runs: ${title(one)}` });
    },
    end({ process: one }) {
      if (one !== undefined) emit('end', { text: `ends: ${title(one)}` });
    },
  });

  end(() => {
    const all = [...seen.values()].map(({ process: one }) => one);
    // A parent's id may have been used again: the last one before the child is meant.
    const parentOf = ({ key, ppid }: HookProcess): number =>
      all.findLast((other) => other.pid === ppid && other.key < key)?.key ?? 0;
    const lines: string[] = [];
    const show = (parent: number, indent: string): void => {
      for (const one of all.filter((each) => parentOf(each) === parent)) {
        lines.push(`${indent}${one.pid} ${title(one)}`);
        show(one.key, `${indent}  `);
      }
    };
    show(0, '');
    emit('tree', {
      text: lines.join('\n'),
      processes: all.map((one) => ({ ...one.toJSON(), commandLine: seen.get(one.key)?.commandLine })),
    });
  });
});
