/** Values of command-line options, checked one by one: yargs itself turns a wrong number into NaN. */
import type { Pattern } from '../record/script.ts';
import { usageError } from './errors.ts';

/** What every command that prints data has. */
export const jsonOption = {
  type: 'boolean',
  default: false,
  describe: 'print JSON on standard output (errors as {"error": …} too)',
} as const;

export const allowIncompleteOption = {
  type: 'boolean',
  default: false,
  describe: 'exit with 0, not 4, if all there is of an incomplete trace is good',
} as const;

/** An option with a value; `check` gets it as it was typed. */
export function valueOption<T>(describe: string, check: (text: string) => T) {
  return { type: 'string', requiresArg: true, describe, coerce: optional(check) } as const;
}

function optional<T>(check: (text: string) => T): (text: string | undefined) => T | undefined {
  return (text) => (text === undefined ? undefined : check(text));
}

/** Seconds above zero. */
export const seconds =
  (option: string) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && value > 0 && value <= 1e7) return value;
    throw usageError(`--${option}: expected a number of seconds above 0, found '${text}'`);
  };

/** A whole number, 0 or more; `2e9` is one. */
export const count =
  (option: string, max = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
    const range = max < 1000 ? `, 0 to ${max}` : '';
    throw usageError(`--${option}: expected a whole number${range}, found '${text}'`);
  };

/** A regular expression, without slashes around it. */
export const pattern =
  (option: string) =>
  (text: string): Pattern => {
    try {
      if (text === '') throw new Error('it is empty');
      new RegExp(text, 'm');
      return { kind: 'regex', source: text, flags: 'm' };
    } catch (error) {
      const why = (error as Error).message.replace(/^Invalid regular expression: /, '');
      throw usageError(`--${option}: expected a regular expression, found one that is refused: ${why}`);
    }
  };

/** @param what it must be, for people */
export const text =
  (option: string, what = "a file's name") =>
  (value: string): string => {
    if (value !== '') return value;
    throw usageError(`--${option}: expected ${what}, found nothing`);
  };

/**
 * All values of an option that may be given several times. Of every option yargs is told to take the last one only, so that
 * none is an array by mistake.
 */
export function repeated(option: string, words: readonly string[] = process.argv.slice(2)): string[] {
  const values: string[] = [];
  for (let i = 0; i < words.length && words[i] !== '--'; i++) {
    const word = words[i]!;
    if (word.startsWith(`--${option}=`)) values.push(word.slice(option.length + 3));
    else if (word === `--${option}` && words[i + 1] !== undefined) values.push(words[++i]!);
  }
  return values;
}

/** `--profile` of commands that look for an operating system. */
export const profileOption = valueOption(
  'of the guest’s kernel: a file in Volatility 3’s format (ISF, JSON); needed only where Rebek knows too little',
  text('profile'),
);

/** `--hooks`, as often as one likes: see {@link repeated}. */
export const hooksOption = (describe: string) =>
  ({
    type: 'string',
    requiresArg: true,
    describe,
    coerce: (last: string | undefined): string[] => (last === undefined ? [] : repeated('hooks')),
  }) as const;
