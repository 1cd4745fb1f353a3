/** Patterns for functions: `NtReadFile`, `nt!Nt*`, `ntdll.dll!*`. `*` stands for any characters. */

export interface FunctionPattern {
  /** In lower case; undefined if the pattern names no module. */
  readonly module: string | undefined;
  readonly name: string;
}

export function parsePattern(pattern: string): FunctionPattern {
  const at = pattern.indexOf('!');
  return at < 0
    ? { module: undefined, name: pattern }
    : { module: pattern.slice(0, at).toLowerCase(), name: pattern.slice(at + 1) };
}

/** Whether a text is as a pattern with `*` says; takes no longer than both lengths multiplied. */
export function matches(pattern: string, text: string): boolean {
  let p = 0;
  let star = -1;
  let resume = 0;
  for (let i = 0; i < text.length; ) {
    if (pattern[p] === '*') {
      star = p++;
      resume = i;
    } else if (pattern[p] === text[i]) {
      p++;
      i++;
    } else if (star >= 0) {
      // The star takes one character more.
      p = star + 1;
      i = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/** Whether a module is meant: by its name, or that without `.exe`, `.dll`, `.sys`. */
export function matchesModule(pattern: string, name: string): boolean {
  const lower = name.toLowerCase();
  return matches(pattern, lower) || matches(pattern, lower.replace(/\.(exe|dll|sys)$/, ''));
}
