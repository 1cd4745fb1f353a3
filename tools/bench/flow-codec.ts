/**
 * `node dist/tools/bench/flow-codec.js FILE [RECORDS A CHUNK]`: size and speed of the control-flow codec on raw records,
 * value and info as u32, little-endian. The median of three rounds; every chunk is compared with what it was made of.
 */
import { readFileSync } from 'node:fs';
import { CHUNK_RECORDS } from '../../src/trace/flow.ts';
import { FlowDecoder, FlowEncoder } from '../../src/trace/flow-codec.ts';

const [file, perChunk = `${CHUNK_RECORDS}`] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: flow-codec.js FILE [RECORDS A CHUNK]');
  process.exit(2);
}
const content = readFileSync(file);
const words = new Uint32Array(content.buffer.slice(content.byteOffset, content.byteOffset + content.length));
const records = words.length / 2;
const chunk = Number(perChunk);
const encoder = new FlowEncoder();
const decoder = new FlowDecoder();
/** CPU time of this process in ms: other processes do not count. */
const now = (): number => process.cpuUsage().user / 1000;
const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;

const encodeSeconds: number[] = [];
const decodeSeconds: number[] = [];
let bytes = 0;
for (let round = 0; round < 3; round++) {
  let encoding = 0;
  let decoding = 0;
  bytes = 0;
  for (let first = 0; first < records; first += chunk) {
    const part = words.subarray(2 * first, 2 * Math.min(first + chunk, records));
    const begin = now();
    const encoded = encoder.encode(part, part.length / 2);
    const between = now();
    const decoded = decoder.decode(encoded, part.length / 2);
    const end = now();
    encoding += between - begin;
    decoding += end - between;
    bytes += encoded.length;
    if (Buffer.compare(bytesOf(decoded), bytesOf(part)) !== 0) throw new Error(`chunk at ${first} differs`);
  }
  encodeSeconds.push(encoding / 1000);
  decodeSeconds.push(decoding / 1000);
}
let instructions = 0;
for (let i = 1; i < words.length; i += 2) instructions += words[i]! & 0xffff;
const rate = (seconds: number[]): string => (records / median(seconds) / 1e6).toFixed(1);
console.log(
  `${records} records, ${bytes} bytes: ${((bytes * 8) / records).toFixed(4)} bits a record, ` +
    `${((bytes * 8) / instructions).toFixed(4)} bits an instruction; ` +
    `encode ${rate(encodeSeconds)}, decode ${rate(decodeSeconds)} M records/s`,
);

function bytesOf(array: Uint32Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
