/**
 * Memory images as PAGE chunks; FORMAT.md, "Memory images". Split in two: `pageBatches` runs where the memory is and
 * only copies pages that are not zero; `ImageEncoder` finds equal pages and may run in another thread.
 */
import { describePlace, type Place, traceError } from './errors.ts';
import type { Body, PlainMap } from './pack.ts';

export const pageSize = 4096;
/** Pages with content in one chunk: 1 MiB. */
export const pagesPerChunk = 256;
const maxSamePerChunk = 262_144;
/** Candidates that are compared before a page is stored once more: bounds the cost of hash collisions, which a guest can make. */
const maxCandidates = 8;
const wordsPerPage = pageSize / 4;

/** Copies of pages that are not all zero; both arrays own their buffers, which can be transferred. */
export interface PageBatch {
  /** Page numbers, ascending. */
  readonly pages: Uint32Array;
  /** Their contents; the image's last page takes its own length. */
  readonly data: Uint8Array;
}

/**
 * Copies everything of `memory` that is not zero, in batches of up to 256 pages. The memory must not change until the
 * last batch was taken.
 */
export function* pageBatches(memory: Uint8Array): Generator<PageBatch> {
  const bytes = Buffer.from(memory.buffer, memory.byteOffset, memory.length);
  const zero = Buffer.alloc(pageSize);
  const count = Math.ceil(memory.length / pageSize);
  const found = new Uint32Array(pagesPerChunk);
  let n = 0;
  for (let page = 0; page < count; page++) {
    const start = page * pageSize;
    const end = Math.min(start + pageSize, memory.length);
    // most pages in use differ from zero in their first bytes; the native comparison does the others
    if (bytes[start] === 0 && bytes.compare(zero, 0, end - start, start, end) === 0) continue;
    found[n++] = page;
    if (n === pagesPerChunk) {
      yield copyPages(bytes, found);
      n = 0;
    }
  }
  if (n > 0) yield copyPages(bytes, found.subarray(0, n));
}

function copyPages(bytes: Buffer, pages: Uint32Array): PageBatch {
  const last = Math.min(bytes.length - pages.at(-1)! * pageSize, pageSize);
  const data = new Uint8Array(Buffer.allocUnsafeSlow((pages.length - 1) * pageSize + last).buffer);
  for (let i = 0; i < pages.length; ) {
    const end = endOfRun(pages, i);
    data.set(bytes.subarray(pages[i]! * pageSize, (pages[end - 1]! + 1) * pageSize), i * pageSize);
    i = end;
  }
  return { pages: pages.slice(), data };
}

/** Behind the last of the pages from `i` on whose numbers are in a row. */
function endOfRun(pages: Uint32Array, i: number): number {
  let end = i + 1;
  while (end < pages.length && pages[end] === pages[end - 1]! + 1) end++;
  return end;
}

/** Where a page's content was first seen. */
interface Known {
  readonly page: number;
  readonly words: Uint32Array;
  /** Another page with the same hash. */
  readonly next: Known | undefined;
}

/** Makes the bodies of one image's PAGE chunks. Keeps every batch until `end`, to compare the pages' bytes. */
export class ImageEncoder {
  readonly #name: string;
  readonly #size: number;
  readonly #sink: (body: PlainMap) => void;
  #known = new Map<number, Known>();
  #part = 0;
  readonly #pages = new Uint32Array(pagesPerChunk);
  readonly #data = Buffer.allocUnsafeSlow(pagesPerChunk * pageSize);
  #pageCount = 0;
  #dataLength = 0;
  #same: number[] = [];
  #source: number[] = [];
  #ended = false;

  /**
   * @param name unique in the file
   * @param size of the image in bytes
   * @param sink takes a body, which is valid until it returns
   */
  constructor(name: string, size: number, sink: (body: PlainMap) => void) {
    this.#name = name;
    this.#size = size;
    this.#sink = sink;
  }

  /**
   * Takes a batch; its arrays must not be changed afterwards.
   * @throws {RangeError} the lengths of pages and data do not fit each other and the image
   */
  add(pages: Uint32Array, data: Uint8Array): void {
    const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
    let at = 0;
    for (const page of pages) {
      const length = Math.min(pageSize, this.#size - page * pageSize);
      if (length <= 0 || at + length > data.length || this.#ended)
        throw new RangeError(`page ${page} does not belong to image '${this.#name}' or has no data`);
      this.#addPage(page, aligned.subarray(at, at + length));
      at += length;
    }
    if (at !== data.length) throw new RangeError(`${data.length - at} bytes of page data too many`);
  }

  /** Emits the last part and lets go of the pages. */
  end(): void {
    this.#ended = true;
    this.#emit(true);
    this.#known = new Map();
  }

  #addPage(page: number, content: Uint8Array): void {
    // a short last page has its own length and cannot equal another
    const known = content.length === pageSize ? this.#find(page, content) : undefined;
    if (known !== undefined) {
      if (this.#same.length === maxSamePerChunk) this.#emit(false);
      this.#same.push(page);
      this.#source.push(known.page);
      return;
    }
    if (this.#pageCount === pagesPerChunk) this.#emit(false);
    this.#pages[this.#pageCount++] = page;
    this.#data.set(content, this.#dataLength);
    this.#dataLength += content.length;
  }

  /** A page with the same bytes; if there is none, this page is remembered. */
  #find(page: number, content: Uint8Array): Known | undefined {
    const words = new Uint32Array(content.buffer, content.byteOffset, wordsPerPage);
    const hash = hashPage(words);
    const head = this.#known.get(hash);
    let candidates = 0;
    for (let known = head; known !== undefined; known = known.next) {
      if (samePage(words, known.words)) return known;
      if (++candidates === maxCandidates) return undefined;
    }
    this.#known.set(hash, { page, words, next: head });
    return undefined;
  }

  #emit(last: boolean): void {
    this.#sink({
      image: this.#name,
      size: this.#size,
      part: this.#part++,
      last,
      pages: this.#pages.subarray(0, this.#pageCount),
      data: this.#data.subarray(0, this.#dataLength),
      same: Uint32Array.from(this.#same),
      source: Uint32Array.from(this.#source),
    });
    this.#pageCount = 0;
    this.#dataLength = 0;
    this.#same = [];
    this.#source = [];
  }
}

/** A hash over the 1024 words of a page. Equal pages have equal hashes, and that is all that is needed. */
export function hashPage(words: Uint32Array): number {
  let [a, b, c, d] = [1, 2, 3, 4];
  for (let i = 0; i < wordsPerPage; i += 4) {
    a = Math.imul(a ^ words[i]!, 0x9e3779b1);
    b = Math.imul(b ^ words[i + 1]!, 0x85ebca77);
    c = Math.imul(c ^ words[i + 2]!, 0xc2b2ae3d);
    d = Math.imul(d ^ words[i + 3]!, 0x27d4eb2f);
    a ^= a >>> 15;
    c ^= c >>> 13;
  }
  return (a ^ (b >>> 7) ^ (b << 25) ^ c ^ (d >>> 11) ^ (d << 21)) >>> 0;
}

function samePage(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < wordsPerPage; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Encodes a whole image at once. @param sink see `ImageEncoder` */
export function encodeImage(name: string, memory: Uint8Array, sink: (body: PlainMap) => void): void {
  const encoder = new ImageEncoder(name, memory.length, sink);
  for (const { pages, data } of pageBatches(memory)) encoder.add(pages, data);
  encoder.end();
}

export interface DecodeImageOptions {
  /** The target holds only zeros: spares writing them. */
  readonly targetIsZero?: boolean;
}

/** Puts the parts of an image together. */
export class ImageDecoder {
  readonly #name: string;
  readonly #target: Uint8Array;
  readonly #targetIsZero: boolean;
  /** Per page: 0 not listed yet, 1 listed with content, 2 listed as the same as another. */
  readonly #state: Uint8Array;
  #part = 0;
  #complete = false;

  /** @param target as long as the image; other pages than those listed become zero at the end */
  constructor(name: string, target: Uint8Array, options: DecodeImageOptions = {}) {
    this.#name = name;
    this.#target = target;
    this.#targetIsZero = options.targetIsZero ?? false;
    this.#state = new Uint8Array(Math.ceil(target.length / pageSize));
  }

  /** True when the last part was added. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * Adds the next part.
   * @throws {RebekError} ERR_TRACE_BODY: it contradicts itself, the image or the parts before
   */
  add(body: Body): void {
    const target = this.#target;
    if (body.string('image') !== this.#name) body.wrong('image', `'${this.#name}'`, body.string('image'));
    if (body.number('size') !== target.length) body.wrong('size', String(target.length), body.number('size'));
    const part = body.integer('part');
    if (this.#complete || part !== this.#part)
      body.wrong('part', this.#complete ? 'no part behind the last' : String(this.#part), part);
    this.#part++;

    const pages = body.column('pages', 'u32');
    if (pages.length > pagesPerChunk) body.wrong('pages', `at most ${pagesPerChunk} pages`, pages.length);
    let length = 0;
    for (const page of pages) length += this.#claim(body, 'pages', page, 1);
    const data = body.bin('data', length);
    for (let i = 0, at = 0; i < pages.length; ) {
      const end = endOfRun(pages, i);
      const start = pages[i]! * pageSize;
      const bytes = Math.min((pages[end - 1]! + 1) * pageSize, target.length) - start;
      target.set(data.subarray(at, at + bytes), start);
      at += bytes;
      i = end;
    }

    const same = body.column('same', 'u32');
    const source = body.column('source', 'u32', same.length);
    if (same.length > maxSamePerChunk) body.wrong('same', `at most ${maxSamePerChunk} pages`, same.length);
    for (let i = 0; i < same.length; i++) {
      const [page, from] = [same[i]!, source[i]!];
      const bytes = this.#claim(body, 'same', page, 2);
      if (this.#state[from] !== 1) body.wrong('source', 'a page listed before', from);
      if ((from + 1) * pageSize > target.length && bytes === pageSize)
        body.wrong('source', 'a page of the same length', from);
      if (bytes !== pageSize) body.wrong('same', 'whole pages', page);
      target.copyWithin(page * pageSize, from * pageSize, (from + 1) * pageSize);
    }
    if (body.boolean('last')) this.#finish();
  }

  /** Notes that a page is listed. @returns its length */
  #claim(body: Body, field: string, page: number, state: 1 | 2): number {
    if (page >= this.#state.length) body.wrong(field, `page numbers below ${this.#state.length}`, page);
    if (this.#state[page] !== 0) body.wrong(field, 'each page once', page);
    this.#state[page] = state;
    return Math.min(pageSize, this.#target.length - page * pageSize);
  }

  #finish(): void {
    this.#complete = true;
    if (this.#targetIsZero) return;
    for (let page = 0; page < this.#state.length; page++)
      if (this.#state[page] === 0) this.#target.fill(0, page * pageSize, (page + 1) * pageSize);
  }
}

/**
 * Puts an image together from PAGE chunks; those of other images are passed over.
 * @param chunks in file order, such as `reader.chunks(['PAGE'])`; taken no further than the image's last part
 * @param target see `ImageDecoder`
 * @throws {RebekError} ERR_TRACE_BODY: a part is wrong; ERR_TRACE_INCOMPLETE: the last one is missing
 */
export function decodeImage(
  chunks: Iterable<{ readonly body: Body }>,
  target: Uint8Array,
  name: string,
  options: DecodeImageOptions = {},
): void {
  const decoder = new ImageDecoder(name, target, options);
  let place: Place | undefined;
  for (const { body } of chunks) {
    place = body.place;
    if (body.string('image') !== name) continue;
    decoder.add(body);
    if (decoder.complete) return;
  }
  const after = place === undefined ? 'it has no part at all' : `nothing follows ${describePlace(place)}`;
  throw traceError('ERR_TRACE_INCOMPLETE', `the image '${name}' is not complete: ${after}`, place ?? {}, {
    hint: 'The recording was interrupted before its beginning was written: there is nothing to replay.',
  });
}
