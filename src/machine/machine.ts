/** Finding a machine: by the name of a built-in guest, or by the path of a machine file. */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { RebekError } from '../base/errors.ts';
import { builtins, findBuiltin } from './builtin.ts';
import { biosPaths } from './cache.ts';
import { type Machine, parseMachine } from './schema.ts';

export type { Machine } from './schema.ts';

/**
 * A machine from a built-in name or a machine file (JSON where the name ends in `.json`, else YAML).
 * The images are not read yet: see `loadImages`.
 * @throws RebekError ERR_MACHINE_UNKNOWN (neither a built-in nor a file), ERR_MACHINE_READ, and what
 *   `parseMachine` throws
 */
export async function loadMachine(nameOrPath: string): Promise<Machine> {
  const builtin = findBuiltin(nameOrPath);
  if (builtin?.machine !== undefined) return builtin.machine();
  const file = resolve(nameOrPath);
  const looksLikePath = /[/\\]|\.(json|ya?ml)$/i.test(nameOrPath);
  if (!looksLikePath && !(await exists(file))) throw unknown(nameOrPath);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (cause as Error).message;
    throw new RebekError('ERR_MACHINE_READ', `cannot read the machine file ${nameOrPath}: ${reason}`, {
      hint: `Give the path of a machine file, or a built-in guest: ${bootable()}.`,
      details: { file },
      cause,
    });
  }
  return parseMachine(text, file, biosPaths());
}

function unknown(name: string): RebekError {
  const target = findBuiltin(name);
  const message =
    target === undefined
      ? `no guest is called '${name}', and there is no such file`
      : `'${name}' is not a guest: ${target.description}`;
  return new RebekError('ERR_MACHINE_UNKNOWN', message, {
    hint: `Built in: ${bootable()}. For any other, give the path of a machine file.`,
    details: { name, builtins: builtins.map((builtin) => builtin.name) },
  });
}

const bootable = (): string =>
  builtins
    .filter((builtin) => builtin.machine !== undefined)
    .map((builtin) => `${builtin.name} (${builtin.description})`)
    .join(', ');

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
