/**
 * Writes a container file chunk by chunk. Synchronous: it belongs into a worker thread, and its caller always knows
 * what is in the file. The file is called `PATH.partial` until it is complete.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { RebekError } from '../base/errors.ts';
import { hex, sha256 } from './checksum.ts';
import {
  type ChunkEntry,
  ChunkFlag,
  chainOf,
  encodeChunkHeader,
  isChunkType,
  isTime,
  maxPayloadLength,
} from './chunk.ts';
import { ChunkType } from './chunk-types.ts';
import { activeCodec, type BlockCodec } from './codec.ts';
import { osReason } from './errors.ts';
import {
  encodeFileHeader,
  encodeFooter,
  type FileKind,
  fileHeaderLength,
  footerLength,
} from './file-header.ts';
import { type EarlierIndex, encodeEarlier, IndexColumns, maxIndexed } from './index-columns.ts';
import { encodeBody } from './pack.ts';

export interface CreateOptions {
  /** Replace an existing `PATH` when it is complete, and an existing `PATH.partial` now. */
  readonly overwrite?: boolean;
  /** Milliseconds since 1970; now by default. */
  readonly created?: number;
  readonly codec?: BlockCodec;
  /** Other chunks per index chunk; fewer than the default serve tests only. */
  readonly chunksPerIndex?: number;
}

/** When a chunk begins. */
export interface ChunkTime {
  readonly instruction: number;
  /** Nanoseconds since the recording began. */
  readonly wallNs: number;
  /** Readers that do not know the chunk's type may skip it. */
  readonly optional?: boolean;
}

/** A finished file. */
export interface FinishedFile {
  readonly path: string;
  /** Length in bytes. */
  readonly length: number;
  /** Number of chunks, index chunks included. */
  readonly chunks: number;
  /** The last chunk's chain value in hexadecimal: it names the whole content. */
  readonly chain: string;
}

export class ContainerWriter {
  /** The name that the file gets when it is complete. */
  readonly path: string;
  /** The name that it has now. */
  readonly partialPath: string;
  readonly #overwrite: boolean;
  readonly #codec: BlockCodec;
  readonly #chunksPerIndex: number;
  #fd: number | undefined;
  #offset = 0;
  #sequence = 0;
  #chain: Uint8Array;
  #columns = new IndexColumns(0, fileHeaderLength);
  readonly #earlier: EarlierIndex[] = [];
  #instruction = 0;
  #wallNs = 0;

  /**
   * Opens `path + '.partial'` and writes the header.
   * @throws {RebekError} ERR_TRACE_EXISTS: one of the two exists; ERR_TRACE_WRITE: the system refuses
   */
  static create(path: string, kind: FileKind, options: CreateOptions = {}): ContainerWriter {
    return new ContainerWriter(path, kind, options);
  }

  private constructor(path: string, kind: FileKind, options: CreateOptions) {
    this.path = path;
    this.partialPath = `${path}.partial`;
    this.#overwrite = options.overwrite ?? false;
    this.#codec = options.codec ?? activeCodec();
    this.#chunksPerIndex = Math.min(options.chunksPerIndex ?? maxIndexed, maxIndexed);
    // told now, not after hours of recording
    if (!this.#overwrite && existsSync(path)) throw this.#exists(path);
    try {
      // removed, not truncated: it may be a second name of a finished file
      if (this.#overwrite) rmSync(this.partialPath, { force: true });
      this.#fd = openSync(this.partialPath, 'wx');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw this.#exists(this.partialPath);
      throw this.#writeError('cannot create', error);
    }
    const header = encodeFileHeader(kind, options.created);
    this.#chain = sha256(header);
    try {
      this.#append([header], 'the file header');
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Bytes in the file so far. */
  get bytesWritten(): number {
    return this.#offset;
  }

  /** Chunks in the file so far, index chunks included; the next chunk's sequence number. */
  get chunkCount(): number {
    return this.#sequence;
  }

  /**
   * Appends a chunk.
   * @param type 4 characters, `A`-`Z` then `A`-`Z0-9`
   * @param body a map of plain values; typed arrays become columns. Not kept.
   * @returns where it lies
   * @throws {RebekError} ERR_TRACE_WRITE, after the file was cut back to the chunk before; writing may be tried again
   * @throws {RangeError} a body of more than 64 MiB, or a senseless time
   */
  write(type: string, body: object, time: ChunkTime): ChunkEntry {
    if (!isChunkType(type) || type === ChunkType.index)
      throw new RangeError(`${JSON.stringify(type)} is no chunk type`);
    if (!isTime(time.instruction) || !isTime(time.wallNs))
      throw new RangeError(`a chunk cannot begin at ${time.instruction} instructions, ${time.wallNs} ns`);
    if (this.#columns.length >= this.#chunksPerIndex) this.#writeIndex(false);
    const entry = this.#writeChunk(type, body, time);
    this.#columns.push(entry);
    this.#instruction = Math.max(this.#instruction, time.instruction);
    this.#wallNs = Math.max(this.#wallNs, time.wallNs);
    return entry;
  }

  /** Has the system put everything written so far on the disk: then it survives a crash of the system, too. */
  sync(): void {
    try {
      fdatasyncSync(this.#open());
    } catch (error) {
      throw this.#writeError('cannot sync', error);
    }
  }

  /**
   * Writes index and footer, syncs, and gives the file its name.
   * @throws {RebekError} ERR_TRACE_WRITE; ERR_TRACE_EXISTS: `path` has come into being meanwhile. The good
   *   `.partial` file stays; call `abort()`
   */
  close(): FinishedFile {
    const fd = this.#open();
    this.#writeIndex(true);
    try {
      fsyncSync(fd);
      closeSync(fd);
      this.#fd = undefined;
    } catch (error) {
      throw this.#writeError('cannot sync', error);
    }
    this.#rename();
    return { path: this.path, length: this.#offset, chunks: this.#sequence, chain: hex(this.#chain) };
  }

  /** Closes the file as it is. The `.partial` file keeps all whole chunks. Never throws; may be called twice. */
  abort(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      closeSync(fd);
    } catch {
      // nothing can be done, and the chunks were written
    }
  }

  /** Closes and removes the `.partial` file, unless it has been closed before. Never throws. */
  discard(): void {
    if (this.#fd === undefined) return;
    this.abort();
    rmSync(this.partialPath, { force: true });
  }

  /** The last index and the footer are written together: after a failure, closing can be tried again. */
  #writeIndex(last: boolean): void {
    const columns = this.#columns;
    const { offset } = this.#writeChunk(
      ChunkType.index,
      { ...columns.toBody(), last, earlier: encodeEarlier(this.#earlier) },
      { instruction: this.#instruction, wallNs: this.#wallNs },
      last,
    );
    this.#earlier.push({ first: columns.first, start: columns.start, offset });
    this.#columns = new IndexColumns(this.#sequence, this.#offset);
  }

  #writeChunk(type: string, body: object, time: ChunkTime, withFooter = false): ChunkEntry {
    this.#open();
    const plain = encodeBody(body);
    if (plain.length > maxPayloadLength)
      throw new RangeError(`a ${type} chunk of ${plain.length} bytes: more than ${maxPayloadLength}`);
    const block = this.#codec.encode(plain);
    const stored = block.length >= plain.length;
    const payload = stored ? plain : block;
    const head = {
      type,
      flags: (time.optional ? ChunkFlag.optional : 0) | (stored ? ChunkFlag.stored : 0),
      sequence: this.#sequence,
      instruction: time.instruction,
      wallNs: time.wallNs,
    };
    const header = encodeChunkHeader(head, payload, plain, this.#chain);
    const chain = chainOf(header);
    const offset = this.#offset;
    const parts = [header, payload];
    if (withFooter) {
      const length = offset + header.length + payload.length + footerLength;
      parts.push(encodeFooter(offset, length, chain));
    }
    this.#append(parts, `chunk ${this.#sequence} (${type})`);
    this.#chain = chain;
    this.#sequence++;
    return { ...head, offset, encodedLength: payload.length, plainLength: plain.length };
  }

  /** Writes all parts at the end, or nothing. */
  #append(parts: readonly Uint8Array[], what: string): void {
    const fd = this.#open();
    let offset = this.#offset;
    try {
      for (const part of parts) {
        // a nearly full disk takes a part of the bytes, without an error
        for (let done = 0; done < part.length; ) {
          const count = writeSync(fd, part, done, part.length - done, offset + done);
          if (count === 0) throw new Error('the system writes no more bytes');
          done += count;
        }
        offset += part.length;
      }
    } catch (error) {
      try {
        ftruncateSync(fd, this.#offset);
      } catch {
        // the reader finds the last whole chunk all the same
      }
      throw this.#writeError(`cannot write ${what} to`, error);
    }
    this.#offset = offset;
  }

  #rename(): void {
    try {
      if (this.#overwrite) renameSync(this.partialPath, this.path);
      else this.#renameToFree();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw this.#exists(this.path, true);
      throw this.#writeError('cannot rename', error);
    }
    try {
      const folder = openSync(dirname(this.path), 'r');
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
    } catch {
      // some systems cannot open or sync folders; the file itself is on the disk
    }
  }

  /** rename() replaces what is there; link() does not, but not every file system has it. */
  #renameToFree(): void {
    try {
      linkSync(this.partialPath, this.path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') throw error;
      if (existsSync(this.path)) throw Object.assign(new Error('exists'), { code: 'EEXIST' });
      renameSync(this.partialPath, this.path);
      return;
    }
    rmSync(this.partialPath);
  }

  #open(): number {
    if (this.#fd === undefined) throw new Error(`${this.partialPath} has been closed`);
    return this.#fd;
  }

  #exists(path: string, complete = false): RebekError {
    return new RebekError('ERR_TRACE_EXISTS', `${path} exists already and is not replaced`, {
      hint: complete
        ? `The new file is complete, under the name ${this.partialPath}: move it by hand.`
        : path === this.path
          ? 'Choose another name, move the file away, or ask for it to be replaced.'
          : 'It is the rest of an interrupted recording, or one that is still running. Move it away, or ask for it to be replaced.',
      details: { file: path },
    });
  }

  #writeError(what: string, error: unknown): RebekError {
    const { code } = error as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    const advice = full
      ? 'Free disk space, or write to another disk.'
      : code === 'EFBIG'
        ? 'Raise the limit of file sizes (ulimit -f), or write to another file system.'
        : code === 'ENOENT'
          ? 'Create the folder first.'
          : 'Check the disk and the permissions.';
    const kept =
      this.#sequence === 0 ? '' : ` What was written before is good and stays in ${this.partialPath}.`;
    const place = what.startsWith('cannot write') ? ` at offset ${this.#offset}` : '';
    return new RebekError('ERR_TRACE_WRITE', `${what} ${this.partialPath}${place}: ${osReason(error)}`, {
      hint: advice + kept,
      details: {
        file: this.partialPath,
        offset: this.#offset,
        chunk: this.#sequence,
        reason: code ?? String(error),
      },
      cause: error,
    });
  }
}
