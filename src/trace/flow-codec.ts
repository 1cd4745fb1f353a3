/**
 * The control flow in the file: records (value, info) as the recorder's probes make them, in chunks that are decoded
 * each on its own. FORMAT.md, "Flow data", specifies the bytes.
 *
 * Most records are predicted for sure: of these only the length of each run is written. This file has the loops that
 * follow them, which must cost a few nanoseconds a record; everything else is in {@link FlowModel}.
 */
import {
  belongs,
  CHOICE_CONTEXTS,
  CONFIDENCE_MASK,
  FlowModel,
  idOf,
  indexOf,
  LONG_FACTOR,
  LONG_HIT,
  LONG_KEY_SHIFT,
  SHORT_FACTOR,
  SURE_MASK,
  sureBits,
  sureEntry,
} from './flow-model.ts';
import { BitDecoder, BitEncoder, damagedFlow, NUMBER_CONTEXTS } from './range-coder.ts';

/** Number of records, length of the runs' stream. */
const HEADER_BYTES = 8;
/** Slots of the encoder's hash table of records, twice the number of ids. */
const SLOT_BITS = 19;
const RECENT_BITS = 12;
const HASH = 0x9e3779b1;

export class FlowEncoder {
  private readonly model = new FlowModel();
  private readonly runs = new BitEncoder(NUMBER_CONTEXTS);
  private readonly choices = new BitEncoder(CHOICE_CONTEXTS);
  /** Ids by record, open addressing; 0 is free. */
  private readonly slots = new Int32Array(1 << SLOT_BITS);
  /** At random, so that no guest can choose addresses that share a slot. The bytes do not depend on it. */
  private readonly factor = Math.floor(Math.random() * 2 ** 32) | 1;
  /** The id of the record that last had this place, a small table in front of the large one. */
  private readonly recent = new Int32Array(1 << RECENT_BITS);

  /**
   * Encodes a chunk, which does not depend on those before it.
   * @param records value and info in turn, u32 each
   * @param count how many records
   */
  encode(records: Uint32Array, count: number): Uint8Array {
    const { model, runs, choices, recent } = this;
    const { long, records: known } = model;
    const words = new Int32Array(records.buffer, records.byteOffset, count * 2);
    model.reset();
    runs.reset();
    choices.reset();
    this.slots.fill(0);
    recent.fill(0);
    let longHistory = 0;
    let shortHistory = 0;
    let previous = 0;
    let run = 0;
    for (let i = 0; i < words.length; i += 2) {
      const value = words[i]!;
      const info = words[i + 1]!;
      const slot = Math.imul(value ^ (info << 8), HASH) >>> (32 - RECENT_BITS);
      let id = recent[slot]!;
      if (id === 0 || known[id * 2] !== value || known[id * 2 + 1] !== info)
        recent[slot] = id = this.find(value, info);
      const key = longHistory >>> LONG_KEY_SHIFT;
      const entry = long[indexOf(key)]!;
      if (entry === sureEntry(id, key)) run++;
      else {
        const confidence = entry & CONFIDENCE_MASK;
        let hit = 0;
        if (belongs(entry, key)) {
          if (confidence !== CONFIDENCE_MASK)
            hit = choices.bit(LONG_HIT + confidence, idOf(entry) === id ? 1 : 0);
          else {
            runs.number(0, run);
            run = 0;
          }
        }
        if (hit !== 0) long[indexOf(key)] = entry + 1;
        else {
          const target = id;
          id = model.step(choices, key, shortHistory, previous, target, value, info);
          if (target === 0) this.insert(id, value, info);
        }
      }
      previous = id;
      longHistory = Math.imul(longHistory + id, LONG_FACTOR);
      shortHistory = Math.imul(shortHistory + id, SHORT_FACTOR);
    }
    runs.number(0, run);
    const runBytes = runs.finish();
    const choiceBytes = choices.finish();
    const bytes = new Uint8Array(HEADER_BYTES + runBytes.length + choiceBytes.length);
    const header = new DataView(bytes.buffer);
    header.setUint32(0, count, true);
    header.setUint32(4, runBytes.length, true);
    bytes.set(runBytes, HEADER_BYTES);
    bytes.set(choiceBytes, HEADER_BYTES + runBytes.length);
    return bytes;
  }

  /** A record's id, 0 if it has none. */
  private find(value: number, info: number): number {
    const { slots } = this;
    const { records } = this.model;
    // Half of the slots are always free.
    for (let slot = this.firstSlot(value, info); ; slot = (slot + 1) & ((1 << SLOT_BITS) - 1)) {
      const id = slots[slot]!;
      if (id === 0 || (records[id * 2] === value && records[id * 2 + 1] === info)) return id;
    }
  }

  private insert(id: number, value: number, info: number): void {
    const { slots } = this;
    let slot = this.firstSlot(value, info);
    while (slots[slot] !== 0) slot = (slot + 1) & ((1 << SLOT_BITS) - 1);
    slots[slot] = id;
  }

  private firstSlot(value: number, info: number): number {
    const mixed = Math.imul(value, this.factor);
    return Math.imul(mixed ^ (mixed >>> 15) ^ info, HASH) >>> (32 - SLOT_BITS);
  }
}

export class FlowDecoder {
  private readonly model = new FlowModel();
  private readonly runs = new BitDecoder(NUMBER_CONTEXTS);
  private readonly choices = new BitDecoder(CHOICE_CONTEXTS);
  private buffer = new Int32Array(0);

  /**
   * Decodes a chunk.
   * @param count how many records it has
   * @returns value and info in turn: a view of a buffer that the next call overwrites
   * @throws RebekError ERR_TRACE_FLOW if these are not the bytes of that many records
   */
  decode(bytes: Uint8Array, count: number): Uint32Array {
    const { model, runs, choices } = this;
    const { long, records: known } = model;
    if (bytes.length < HEADER_BYTES) damagedFlow('it is too short');
    const header = new DataView(bytes.buffer, bytes.byteOffset);
    if (header.getUint32(0, true) !== count) damagedFlow(`it does not have ${count} records`);
    const choicesAt = HEADER_BYTES + header.getUint32(4, true);
    if (choicesAt > bytes.length) damagedFlow('it is too short');
    model.reset();
    runs.reset(bytes.subarray(HEADER_BYTES, choicesAt));
    choices.reset(bytes.subarray(choicesAt));
    if (this.buffer.length < count * 2) this.buffer = new Int32Array(count * 2);
    const words = this.buffer.subarray(0, count * 2);
    let longHistory = 0;
    let shortHistory = 0;
    let previous = 0;
    let run = runs.number(0, 0);
    for (let i = 0; i < words.length; i += 2) {
      const key = longHistory >>> LONG_KEY_SHIFT;
      const entry = long[indexOf(key)]!;
      let id = idOf(entry);
      const sure = (entry & SURE_MASK) === sureBits(key);
      if (sure && run !== 0) run--;
      else {
        let hit = 0;
        if (sure) run = runs.number(0, 0);
        else if (belongs(entry, key)) hit = choices.bit(LONG_HIT + (entry & CONFIDENCE_MASK), 0);
        if (hit !== 0) long[indexOf(key)] = entry + 1;
        else id = model.step(choices, key, shortHistory, previous, 0, 0, 0);
      }
      words[i] = known[id * 2]!;
      words[i + 1] = known[id * 2 + 1]!;
      previous = id;
      longHistory = Math.imul(longHistory + id, LONG_FACTOR);
      shortHistory = Math.imul(shortHistory + id, SHORT_FACTOR);
    }
    if (run !== 0 || !runs.done || !choices.done) damagedFlow('its streams do not end with its last record');
    return new Uint32Array(words.buffer, words.byteOffset, words.length);
  }
}
