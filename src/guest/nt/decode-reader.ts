/**
 * A caller's memory, read within bounds: whatever the words of a call say, it costs no more than a fixed number of bytes.
 */
import type { VirtualMemory } from '../memory.ts';
import { buffer, fromUtf16, NULL, quoted, type Shown, unread } from './decode-shown.ts';

/** Bytes that may be read at one end of a call; what would need more is shown as its address. */
const MOST_READ = 0x4_0000;
/** Bytes of a buffer or string in the data for JSON. */
const MOST_KEPT = 4096;
/** What the way through the page tables costs, in bytes. */
const EACH = 32;

export class Reader {
  private readonly memory: VirtualMemory;
  private left = MOST_READ;

  constructor(memory: VirtualMemory) {
    this.memory = memory;
  }

  /** As many of the bytes as there are, up to the first absent page; none if that is more than may be read. */
  some(address: number, length: number): Uint8Array {
    this.left -= length + EACH;
    return this.left < 0 || length <= 0 ? new Uint8Array() : this.memory.bytes(address, length);
  }

  /** Exactly so many bytes, or undefined. */
  view(address: number, length: number): DataView | undefined {
    const bytes = this.some(address, length);
    return bytes.length === length ? new DataView(bytes.buffer, bytes.byteOffset, length) : undefined;
  }

  u32(address: number): number | undefined {
    return this.view(address, 4)?.getUint32(0, true);
  }

  /** What a pointer points to; its address if it is not there. */
  at(address: number, length: number, show: (view: DataView) => Shown): Shown {
    if (address === 0) return NULL;
    const view = this.view(address, length);
    return view === undefined ? unread(address, true) : show(view);
  }

  /** Bytes of a buffer. */
  buffer(address: number, length: number): Shown {
    if (address === 0) return NULL;
    if (length === 0) return buffer(new Uint8Array(), 0);
    const bytes = this.some(address, Math.min(length, MOST_KEPT));
    if (bytes.length === 0) return unread(address, true);
    const shown = buffer(bytes, length);
    return bytes.length < Math.min(length, MOST_KEPT) ? { ...shown, absent: true } : shown;
  }

  /** Bytes of UTF-16. */
  utf16(address: number, length: number): Shown {
    length &= ~1;
    if (length === 0) return { text: '""', value: '' };
    const wanted = Math.min(length, MOST_KEPT);
    const bytes = this.some(address, wanted);
    if (bytes.length < wanted) return unread(address, true);
    const text = fromUtf16(bytes);
    if (wanted === length) return { text: quoted(text), value: text };
    return { text: quoted(text), value: { length, text } };
  }

  /** A UNICODE_STRING: Length and MaximumLength in bytes, Buffer. */
  unicodeString(address: number): Shown {
    return this.at(address, 8, (view) => this.utf16(view.getUint32(4, true), view.getUint16(0, true)));
  }
}
