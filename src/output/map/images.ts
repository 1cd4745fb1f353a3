/** The names in the images that are mapped while a map is made: read once for each image, however many processes have it. */
import { createHash } from 'node:crypto';
import type { VirtualMemory } from '../../guest/memory.ts';
import type { GuestOs, ModuleInfo, ModuleSymbol, ProcessInfo } from '../../guest/os.ts';
import type { ModuleSymbols } from './guest-map.ts';

/** A guest can make as many images as it likes. */
const MOST_IMAGES = 4096;
const MOST_SYMBOLS = 1 << 21;
/** Attempts at an image of which not all is in memory; most of it comes when it is used. */
const MOST_TRIES = 16;
/** Bytes at the base that tell an image from another one of the same name: its headers, with a build id or a date. */
const HEADER_BYTES = 512;

interface Image {
  readonly index: number;
  symbols: readonly ModuleSymbol[];
  complete: boolean;
  tries: number;
}

/** One stay of a module in memory, whose image may not be known yet. */
export interface WithImage {
  image: number | undefined;
  readonly isKernel: boolean;
}

export class Images {
  private readonly os: GuestOs;
  private readonly images: Image[] = [];
  /** By name, size and headers. */
  private readonly byContent = new Map<string, Image>();
  /** By name and size, while there is only one: for modules whose headers are not in memory. */
  private readonly byName = new Map<string, Image | undefined>();
  private total = 0;

  constructor(os: GuestOs) {
    this.os = os;
  }

  /**
   * Reads what can be read now of a module's names, if not all are known.
   * @param last there is no later moment: try in any case
   */
  look(
    known: WithImage,
    module: ModuleInfo,
    process: ProcessInfo | undefined,
    memory: VirtualMemory,
    last = false,
  ): void {
    const image = this.imageOf(known, module, memory, last);
    if (image === undefined || image.complete || (image.tries >= MOST_TRIES && !last)) return;
    image.tries++;
    const { symbols, complete } = this.os.moduleSymbols(module, process);
    image.complete = complete;
    if (symbols.length <= image.symbols.length) return;
    if (this.total - image.symbols.length + symbols.length > MOST_SYMBOLS) return;
    this.total += symbols.length - image.symbols.length;
    image.symbols = symbols;
  }

  private imageOf(
    known: WithImage,
    module: ModuleInfo,
    memory: VirtualMemory,
    last: boolean,
  ): Image | undefined {
    if (known.image !== undefined) return this.images[known.image];
    const name = `${known.isKernel ? 'kernel' : 'user'}\0${module.path ?? module.name}\0${module.size}`;
    const header = memory.bytes(module.base, HEADER_BYTES);
    if (header.length < HEADER_BYTES && !known.isKernel) {
      const same = last ? this.byName.get(name) : undefined;
      known.image = same?.index;
      return same;
    }
    const content = `${name}\0${createHash('sha256').update(header).digest('base64')}`;
    let image = this.byContent.get(content);
    if (image === undefined) {
      if (this.images.length >= MOST_IMAGES) return undefined;
      image = { index: this.images.length, symbols: [], complete: false, tries: 0 };
      this.images.push(image);
      this.byContent.set(content, image);
      this.byName.set(name, this.byName.has(name) ? undefined : image);
    }
    known.image = image.index;
    return image;
  }

  /** All names, and for each image its place among them: undefined where it has none. */
  done(): { symbols: ModuleSymbols[]; places: (number | undefined)[] } {
    const tables: ModuleSymbols[] = [];
    const places = this.images.map(({ symbols }) => {
      if (symbols.length === 0) return undefined;
      tables.push(tableOf(symbols));
      return tables.length - 1;
    });
    return { symbols: tables, places };
  }
}

function tableOf(symbols: readonly ModuleSymbol[]): ModuleSymbols {
  // The sort is stable: of several names of one place, the first stays the first.
  const sorted = symbols.filter(({ offset }) => offset >= 0).sort((a, b) => a.offset - b.offset);
  return {
    offsets: Uint32Array.from(sorted, ({ offset }) => offset),
    sizes: Uint32Array.from(sorted, ({ size }) => size),
    names: sorted.map(({ name }) => name),
  };
}
