/** Loads what `--hooks` names: TypeScript or JavaScript files, as they are, and the packs that come with Rebek. */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createJiti } from 'jiti';
import { RebekError } from '../base/errors.ts';
import type { HookFile } from '../hooks/api.ts';
import { packs } from '../hooks/packs/packs.ts';

const PACK = /^pack:(.*)$/;

/**
 * @param names paths, and `pack:NAME`
 * @throws RebekError ERR_HOOKS_FILE, ERR_HOOKS_PACK
 */
export async function loadHooks(names: readonly string[]): Promise<readonly HookFile[]> {
  const loaded: HookFile[] = [];
  for (const name of names) {
    const pack = PACK.exec(name)?.[1];
    loaded.push(pack === undefined ? await loadFile(name) : findPack(pack));
  }
  const twice = loaded.find(({ name }, i) => loaded.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) {
    throw new RebekError('ERR_HOOKS_FILE', `two of the hooks are named '${twice.name}'`, {
      hint: 'give each a name of its own: findings are told apart by it',
    });
  }
  return loaded;
}

function findPack(name: string): HookFile {
  const found = packs.find(({ hooks }) => hooks.name === name);
  if (found !== undefined) return found.hooks;
  const names = packs.map(({ hooks }) => `pack:${hooks.name}`).join(', ');
  throw new RebekError('ERR_HOOKS_PACK', `there is no pack '${name}'`, { hint: `there are ${names}` });
}

async function loadFile(path: string): Promise<HookFile> {
  const file = resolve(path);
  const fail = (what: string, hint?: string, cause?: unknown): never => {
    throw new RebekError('ERR_HOOKS_FILE', `${path}: ${what}`, {
      ...(hint && { hint }),
      details: { file },
      cause,
    });
  };
  if (!existsSync(file)) fail('there is no such file', 'packs that come with Rebek are named pack:NAME');
  if (!statSync(file).isFile()) fail('it is no file');
  // `rebek` is this very package, wherever the file lies.
  const rebek = fileURLToPath(new URL('../index.js', import.meta.url));
  const jiti = createJiti(import.meta.url, { alias: { rebek }, fsCache: false, moduleCache: false });
  let exported: unknown;
  try {
    exported = await jiti.import(file, { default: true });
  } catch (error) {
    const { message } = error as Error;
    fail(`it cannot be loaded: ${firstLines(message)}`, undefined, error);
  }
  const { name, setup } = (exported ?? {}) as Partial<HookFile>;
  if (typeof name !== 'string' || name === '' || typeof setup !== 'function') {
    fail(
      'its default export is no hook file',
      "export default defineHooks('name', ({ call }) => { … }), with defineHooks from 'rebek'",
    );
  }
  return { name: name!, setup: setup! };
}

/** A parser shows the line of the file below its message: that helps, a stack does not. */
function firstLines(message: string): string {
  const lines = message.split('\n').slice(0, 6);
  return lines
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd();
}
