/** Reading a script from a file, or from standard input as `-`. */
import { readFile } from 'node:fs/promises';
import { RebekError } from '../base/errors.ts';
import { parseScript, type Script } from '../record/script.ts';

/** @throws RebekError ERR_SCRIPT_READ, ERR_SCRIPT_SYNTAX */
export async function readScript(path: string): Promise<Script> {
  const name = path === '-' ? 'standard input' : path;
  try {
    const bytes = path === '-' ? await readAll(process.stdin) : await readFile(path);
    return parseScript(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes),
      path === '-' ? '<stdin>' : path,
    );
  } catch (cause) {
    if (cause instanceof RebekError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT'
        ? 'no such file'
        : code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
          ? 'it is not text in UTF-8'
          : message;
    throw new RebekError('ERR_SCRIPT_READ', `cannot read the script ${name}: ${why}`, {
      details: { file: path },
      cause,
    });
  }
}

async function readAll(stream: NodeJS.ReadStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
