/** Reads drcov files by what DynamoRIO's source says of the format, and nothing else. */

export interface DrcovRead {
  readonly modules: readonly {
    readonly id: number;
    readonly base: number;
    readonly end: number;
    readonly path: string;
  }[];
  readonly blocks: readonly { readonly start: number; readonly size: number; readonly module: number }[];
}

/** @throws Error where it is not such a file */
export function readDrcov(file: Uint8Array): DrcovRead {
  const bytes = Buffer.from(file);
  let at = 0;
  const line = (pattern: RegExp): string[] => {
    const end = bytes.indexOf('\n', at);
    const text = bytes.toString('utf8', at, end);
    const match = end < 0 ? null : pattern.exec(text);
    if (match === null) throw new Error(`at ${at}: ${JSON.stringify(text)} is not ${pattern}`);
    at = end + 1;
    return match.slice(1);
  };
  line(/^DRCOV VERSION: 2$/);
  line(/^DRCOV FLAVOR: \w+$/);
  const [modulesText] = line(/^Module Table: version 2, count (\d+)$/);
  line(/^Columns: id, base, end, entry, path$/);
  const modules = Array.from({ length: Number(modulesText) }, (_, i) => {
    const [id, base, end, path] = line(/^ *(\d+), 0x([\da-f]+), 0x([\da-f]+), 0x[\da-f]+, (.*)$/);
    if (Number(id) !== i) throw new Error(`module ${i} is called ${id}`);
    return { id: i, base: Number.parseInt(base!, 16), end: Number.parseInt(end!, 16), path: path! };
  });
  const [countText] = line(/^BB Table: (\d+) bbs$/);
  const count = Number(countText);
  if (bytes.length - at !== 8 * count) throw new Error(`${bytes.length - at} bytes are not ${count} blocks`);
  const blocks = Array.from({ length: count }, (_, i) => {
    const entry = at + 8 * i;
    const module = bytes.readUInt16LE(entry + 6);
    if (module >= modules.length) throw new Error(`block ${i} is of module ${module}`);
    return { start: bytes.readUInt32LE(entry), size: bytes.readUInt16LE(entry + 4), module };
  });
  return { modules, blocks };
}
