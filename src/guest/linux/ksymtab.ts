/**
 * What the kernel exports to its modules, as it lies in memory: `__ksymtab` and `__ksymtab_gpl`, side by side (Linux:
 * include/linux/export.h). Unlike kallsyms it always has variables. An entry is, by version:
 *
 * - since 5.4: 12 bytes, distances from each field to value, name and namespace
 * - 4.19 to 5.3: 8 bytes, without a namespace
 * - earlier: 8 bytes, the addresses of value and name
 */

/** Exported by every kernel. */
const KNOWN = 'init_task';
/** Entries that must be there on both sides together: chance does not make so many. */
const FEWEST = 64;
const MOST = 1 << 16;
const NAME_LENGTH = 128;

interface Format {
  readonly size: 8 | 12;
  readonly relative: boolean;
}

const formats: readonly Format[] = [
  { size: 12, relative: true },
  { size: 8, relative: true },
  { size: 8, relative: false },
];

/**
 * Finds the exports.
 * @param image the kernel's image; it must begin at an address that is a multiple of 4
 * @param virtual the guest's address of its first byte
 * @returns name to address; empty if there is no such table
 */
export function findExports(image: Uint8Array, virtual: number): ReadonlyMap<string, number> {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  // The linker may let one string be the end of another, so that the known name need not follow a zero byte.
  for (let name = bytes.indexOf(`${KNOWN}\0`); name >= 0; name = bytes.indexOf(`${KNOWN}\0`, name + 1)) {
    for (let at = 4; at + 4 <= bytes.length; at += 4) {
      const word = view.getUint32(at, true);
      const relative = word === (name - at) >>> 0;
      if (!relative && word !== virtual + name) continue;
      const all = formats
        .filter((format) => format.relative === relative)
        .map((format) => entriesAround(bytes, view, virtual, at - 4, format));
      // Entries of one size can look like some of the other: there are fewer of those.
      const found = all.reduce((most, other) => (other.size > most.size ? other : most));
      if (found.size >= FEWEST) return found;
    }
  }
  return new Map();
}

/** All entries of the tables that have one at `known`. */
function entriesAround(
  bytes: Buffer,
  view: DataView,
  virtual: number,
  known: number,
  format: Format,
): Map<string, number> {
  const found = new Map<string, number>();
  const read = (at: number): boolean => {
    if (at < 0 || at + format.size > bytes.length || found.size > MOST) return false;
    const origin = format.relative ? at + 4 : -virtual;
    const name = nameAt(bytes, (origin + view.getInt32(at + 4, true)) | 0);
    if (name === undefined) return false;
    const value = format.relative ? (virtual + at + view.getInt32(at, true)) >>> 0 : view.getUint32(at, true);
    if (value >= virtual && value < virtual + bytes.length && !found.has(name)) found.set(name, value);
    return true;
  };
  for (let at = known; read(at); at += format.size);
  for (let at = known - format.size; read(at); at -= format.size);
  return found;
}

function nameAt(bytes: Buffer, at: number): string | undefined {
  if (at < 0 || at >= bytes.length) return undefined;
  const end = bytes.indexOf(0, at);
  if (end <= at || end - at > NAME_LENGTH) return undefined;
  const name = bytes.toString('latin1', at, end);
  return /^[A-Za-z_]\w*$/.test(name) ? name : undefined;
}
