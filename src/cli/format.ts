/** Numbers as a person reads them. */

const scales = ['', 'k', 'M', 'G', 'T', 'P'] as const;

/** Three significant digits and a decimal prefix: `7.43 G`, `512`. */
function scaled(value: number): string {
  let scale = 0;
  // 999.5 rounds to 1000: that is already the next prefix's.
  while (value >= 999.5 && scale < scales.length - 1) {
    value /= 1000;
    scale++;
  }
  const digits = scale === 0 ? (Number.isInteger(value) ? 0 : 1) : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${scales[scale]}`;
}

/** `12.3 MB`. */
export const formatBytes = (bytes: number): string => `${scaled(bytes)}B`;

/** Memory sizes are powers of two: `128 MiB`. */
export const formatMemory = (bytes: number): string => `${bytes / 2 ** 20} MiB`;

/** `7.43 G`, `512`. */
export const formatCount = (count: number): string => scaled(count).trimEnd();

/** `7,431,244,101`. */
export const formatExact = (count: number): string => count.toLocaleString('en-US');

/** `0.4 s`, `42 s`, `2:05 min`, `1:02:03 h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)} min`;
  return `${Math.floor(whole / 3600)}:${two((whole % 3600) / 60)}:${two(whole % 60)} h`;
}

/** Million instructions a second: `48.3 MIPS`. */
export const formatSpeed = (instructions: number, ms: number): string =>
  `${mips(instructions, ms).toFixed(1)} MIPS`;

export const mips = (instructions: number, ms: number): number => (ms > 0 ? instructions / ms / 1000 : 0);

/** `1 event`, `2 events`, `1.2 M events`. */
export const plural = (count: number, one: string, several = `${one}s`): string =>
  `${count < 10_000 ? formatExact(count) : formatCount(count)} ${count === 1 ? one : several}`;

/** A table of `name  value` lines; the names in one column. */
export function formatTable(rows: readonly (readonly [string, string])[], indent = '  '): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const rest = `\n${' '.repeat(indent.length + width + 2)}`;
  return rows
    .map(([name, value]) => `${indent}${name.padEnd(width)}  ${value.replaceAll('\n', rest)}`)
    .join('\n');
}
