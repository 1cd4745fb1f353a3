/**
 * Writes an initramfs: a cpio archive in the "newc" format (Linux: Documentation/driver-api/early-userspace/
 * buffer-format.rst). The same entries give the same bytes, whatever machine and order they come from: sorted by name, all times and
 * owners zero, inode numbers counted. It is not compressed: zlib's output differs between its builds, and the
 * emulated PC takes longer to inflate an archive than to copy it.
 */
/** A file, folder, symbolic link or character device. Names are absolute in the guest, without the first slash. */
export type CpioEntry = { readonly name: string; readonly mode?: number } & (
  | { readonly kind: 'file'; readonly data: Uint8Array }
  | { readonly kind: 'folder' }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'device'; readonly major: number; readonly minor: number }
);

const typeBits = { file: 0o100000, folder: 0o040000, link: 0o120000, device: 0o020000 } as const;
const defaultMode = { file: 0o644, folder: 0o755, link: 0o777, device: 0o600 } as const;

/** The archive, padded to 512 bytes. Folders that no entry names are added. */
export function writeCpio(entries: Iterable<CpioEntry>): Uint8Array {
  const byName = new Map<string, CpioEntry>();
  for (const entry of entries) {
    for (let at = entry.name.indexOf('/'); at >= 0; at = entry.name.indexOf('/', at + 1)) {
      const name = entry.name.slice(0, at);
      if (!byName.has(name)) byName.set(name, { kind: 'folder', name });
    }
    byName.set(entry.name, entry);
  }
  // By code unit: the order must not depend on a locale.
  const sorted = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const parts: Uint8Array[] = [];
  for (const [i, entry] of sorted.entries()) parts.push(...record(entry, i + 1));
  parts.push(
    ...record({ kind: 'file', name: 'TRAILER!!!', data: new Uint8Array(0), mode: -typeBits.file }, 0),
  );
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  parts.push(new Uint8Array(-length & 511));
  return Buffer.concat(parts);
}

function record(entry: CpioEntry, inode: number): Uint8Array[] {
  const data =
    entry.kind === 'file' ? entry.data : new TextEncoder().encode(entry.kind === 'link' ? entry.target : '');
  const name = new TextEncoder().encode(`${entry.name}\0`);
  const [major, minor] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
  const mode = typeBits[entry.kind] + (entry.mode ?? defaultMode[entry.kind]);
  const links = entry.kind === 'folder' ? 2 : 1;
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, major, minor, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')}`;
  const head = Buffer.concat([new TextEncoder().encode(header), name]);
  return [head, new Uint8Array(-head.length & 3), data, new Uint8Array(-data.length & 3)];
}
