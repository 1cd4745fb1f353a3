/** Takes single files out of a `.deb`: `dpkg-deb` unpacks the archive's compression, the tar stream is read here. */
import { RebekError } from '../../base/errors.ts';
import { run } from '../process.ts';

/** A file or symbolic link in a package; `path` without the leading `./`. */
export type DebFile = { readonly path: string; readonly mode: number } & (
  | { readonly kind: 'file'; readonly data: Uint8Array }
  | { readonly kind: 'link'; readonly target: string }
);

/**
 * The files of a package that `wanted` accepts.
 * @throws RebekError ERR_MACHINE_TOOL_MISSING, ERR_MACHINE_PACKAGE (not a package, or cut short)
 */
export async function readDeb(
  deb: string,
  wanted: (path: string) => boolean,
  signal?: AbortSignal,
): Promise<DebFile[]> {
  const tar = new TarReader(wanted);
  const result = await run('dpkg-deb', ['--fsys-tarfile', deb], {
    signal,
    onData: (chunk) => tar.push(chunk),
  });
  if (result.code !== 0 || !tar.ended) {
    const reason = result.stderr.trim().split('\n')[0] || 'it is cut short';
    throw new RebekError('ERR_MACHINE_PACKAGE', `${deb}: ${reason}`, { details: { stderr: result.stderr } });
  }
  return tar.files;
}

const block = 512;

/** A tar reader for a stream: POSIX ustar (IEEE Std 1003.1, pax) with GNU's long names, which is what dpkg writes. */
export class TarReader {
  readonly files: DebFile[] = [];
  /** The end-of-archive block was seen. */
  ended = false;
  private readonly wanted: (path: string) => boolean;
  private pending: Uint8Array = new Uint8Array(0);
  /** Bytes of the current entry still to pass over. */
  private skip = 0;
  private longName: string | undefined;
  private longLink: string | undefined;

  constructor(wanted: (path: string) => boolean) {
    this.wanted = wanted;
  }

  push(chunk: Uint8Array): void {
    let at = Math.min(this.skip, chunk.length);
    this.skip -= at;
    if (at === chunk.length) return;
    const rest = chunk.subarray(at);
    this.pending = this.pending.length === 0 ? rest : Buffer.concat([this.pending, rest]);
    at = 0;
    while (!this.ended) {
      const used = this.entry(this.pending.subarray(at));
      if (used === 0) break;
      at += used;
    }
    if (at > this.pending.length) {
      this.skip = at - this.pending.length;
      at = this.pending.length;
    }
    this.pending = this.pending.slice(at);
  }

  /** Handles the entry that `bytes` begins with; the bytes it takes, or 0 where more of it must come first. */
  private entry(bytes: Uint8Array): number {
    if (bytes.length < block) return 0;
    const text = (offset: number, length: number): string => {
      const field = bytes.subarray(offset, offset + length);
      const end = field.indexOf(0);
      return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
    };
    const octal = (offset: number, length: number): number =>
      Number.parseInt(text(offset, length).trim() || '0', 8);
    if (bytes.subarray(0, block).every((byte) => byte === 0)) {
      this.ended = true;
      return block;
    }
    const size = octal(124, 12);
    const type = text(156, 1);
    const total = block + Math.ceil(size / block) * block;
    const prefix = text(345, 155);
    const name = this.longName ?? (prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`);
    const path = name.replace(/^\.?\//, '');
    const isLong = type === 'L' || type === 'K';
    const keep = isLong || ((type === '0' || type === '' || type === '2') && this.wanted(path));
    if (keep && bytes.length < total) return 0;
    const data = keep ? bytes.slice(block, block + size) : bytes.subarray(0, 0);
    if (isLong) {
      const value = new TextDecoder().decode(data).replace(/\0.*$/s, '');
      if (type === 'L') this.longName = value;
      else this.longLink = value;
      return total;
    }
    if (keep) {
      const mode = octal(100, 8) & 0o7777;
      if (type === '2')
        this.files.push({ kind: 'link', path, mode, target: this.longLink ?? text(157, 100) });
      else this.files.push({ kind: 'file', path, mode, data });
    }
    this.longName = undefined;
    this.longLink = undefined;
    return total;
  }
}
