/** Options of `rebek dump FILE --stream input` that choose among its events. */
import { type InputKind, type InputQuery, inputKinds, type NumberRange } from '../trace/input-scan.ts';
import { usageError } from './errors.ts';

/** What `--kind` may be. */
export const inputKindNames = Object.keys(inputKinds) as InputKind[];

const DEVICE_MEMORY: readonly InputKind[] = ['mmio', 'dma'];

/**
 * @throws RebekError ERR_USAGE: options of which no event can fit all
 */
export function inputQuery(options: {
  readonly kinds: readonly InputKind[] | undefined;
  readonly ports: NumberRange | undefined;
  readonly addresses: NumberRange | undefined;
}): InputQuery {
  const { kinds, ports, addresses } = options;
  if (ports !== undefined && addresses !== undefined)
    throw usageError('--port and --address exclude each other: an access is to a port or to an address');
  if (ports !== undefined && kinds !== undefined && !kinds.includes('port'))
    throw usageError('with --stream input, --port goes with --kind port only');
  if (addresses !== undefined && kinds !== undefined && !kinds.some((kind) => DEVICE_MEMORY.includes(kind)))
    throw usageError('with --stream input, --address goes with --kind mmio or dma only');
  return {
    ...(kinds !== undefined && { kinds }),
    ...(ports !== undefined && { ports }),
    ...(addresses !== undefined && { addresses }),
  };
}

const MOST_PORT = 0xffff;

/** `0x3f8`, or the first and the last: `0x3f8-0x3ff`. With other streams, the number of a serial port or NIC. */
export function portRange(text: string): NumberRange {
  const [first, last = first, ...more] = text
    .split('-')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const isPort = (value: number | undefined): value is number =>
    Number.isInteger(value) && value! >= 0 && value! <= MOST_PORT;
  if (isPort(first) && isPort(last) && more.length === 0) {
    if (first <= last) return { first, last };
    throw usageError(`--port: ${text} ends before it begins`);
  }
  throw usageError(`--port: expected a port such as 0x3f8, or a range 0x3f8-0x3ff, found '${text}'`);
}
