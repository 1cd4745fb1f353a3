/** Reads a findings file, and checks it line by line: what it says of itself, and its findings in columns. */
import { RebekError } from '../../base/errors.ts';
import type { Finding, FindingLine, FindingsEnd, FindingsHeader } from '../../hooks/findings.ts';
import { FindingColumns, fromPair, type SharedNames } from './columns.ts';
import { FindingLines, FormatFault, LineFault } from './finding-line.ts';
import type { LineSource } from './lines.ts';

export interface ReadOptions {
  readonly names: SharedNames;
  /** Shared by both sides: hashes of data whose JSON is good. */
  readonly known: Set<number>;
  /** Keep findings of these types only. */
  readonly types?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

export interface FindingsSide {
  readonly name: string;
  readonly header: FindingsHeader;
  readonly system: string | undefined;
  /** Undefined if the file has none: it is not all there is. */
  readonly end: FindingsEnd | undefined;
  /** In the order of the file. */
  readonly findings: FindingColumns;
  /** Findings of all types. */
  readonly count: number;
  readonly problems: number;
}

/**
 * Reads all of a findings file. It is not closed.
 * @throws RebekError ERR_FINDINGS_LINE: a line is no JSON or not as the schema has it; ERR_FINDINGS_FORMAT: of an unknown format;
 * ERR_FINDINGS_HEADER: without a header, or with more than one; ERR_FINDINGS_END: something follows the end, or it counts
 * other findings than there are; ERR_FINDINGS_READ; ERR_ABORTED
 */
export async function readFindings(source: LineSource, options: ReadOptions): Promise<FindingsSide> {
  const reader = new Reader(source, options);
  await source.each(
    (buffer, from, to, offset, whole) => reader.line(buffer, from, to, offset, whole),
    (bytes) => {
      options.onProgress?.(bytes);
      if (options.signal?.aborted) throw new RebekError('ERR_ABORTED', 'given up');
    },
  );
  return reader.finish();
}

class Reader {
  private readonly source: LineSource;
  private readonly names: SharedNames;
  private readonly types: ReadonlySet<string> | undefined;
  private readonly wanted = new Map<number, boolean>();
  private readonly lines: FindingLines;
  private readonly findings = new FindingColumns();
  private header: FindingsHeader | undefined;
  private headerLine = 0;
  private system: string | undefined;
  private end: FindingsEnd | undefined;
  private endLine = 0;
  private number = 0;
  private count = 0;
  private problems = 0;

  constructor(source: LineSource, { names, known, types }: ReadOptions) {
    this.source = source;
    this.names = names;
    this.types = types === undefined ? undefined : new Set(types);
    this.lines = new FindingLines(names, known);
  }

  line(buffer: Buffer, from: number, to: number, offset: number, whole: boolean): void {
    this.number++;
    let other: Exclude<FindingLine, Finding> | undefined;
    try {
      other = this.lines.parse(buffer, from, to);
    } catch (error) {
      if (!(error instanceof LineFault)) throw error;
      throw this.fault(error, whole);
    }
    if (this.header === undefined && other?.kind !== 'header')
      throw this.error('HEADER', `expected a header, found ${named(other)}`, NO_HEADER);
    if (this.end !== undefined) {
      const found = `found ${named(other)} behind the end in line ${this.endLine}`;
      throw this.error('END', `expected nothing more, ${found}`, 'two files in one cannot be told apart');
    }
    if (other !== undefined) this.other(other);
    else {
      this.count++;
      const { row } = this.lines;
      if (this.types !== undefined && !this.isWanted(row.kind)) return;
      row.offset = offset;
      row.length = to - from;
      row.line = this.number;
      this.findings.add(row);
    }
  }

  private other(line: Exclude<FindingLine, Finding>): void {
    switch (line.kind) {
      case 'header':
        if (this.header !== undefined) {
          const versions = [this.header.rebek, line.rebek];
          const mixed = versions[0] === versions[1] ? '' : `, of Rebek ${versions.join(' and ')}`;
          throw this.error(
            'HEADER',
            `found a second header, the first is in line ${this.headerLine}${mixed}`,
            'compare the findings of one replay with those of another, each in a file of its own',
          );
        }
        this.header = line;
        this.headerLine = this.number;
        break;
      case 'system':
        this.system = line.version;
        break;
      case 'problem':
        this.problems++;
        break;
      case 'end':
        if (line.findings !== this.count) {
          throw this.error(
            'END',
            `its end counts ${line.findings} findings, found ${this.count}`,
            'lines were lost or added: make it again with rebek replay',
          );
        }
        this.end = line;
        this.endLine = this.number;
        break;
    }
  }

  private isWanted(kind: number): boolean {
    let wanted = this.wanted.get(kind);
    if (wanted === undefined) {
      wanted = this.types!.has(fromPair(this.names.kinds.text(kind))[1]);
      this.wanted.set(kind, wanted);
    }
    return wanted;
  }

  finish(): FindingsSide {
    const { header, system, end, findings, count, problems, source } = this;
    if (header === undefined) {
      this.number++;
      throw this.error('HEADER', 'expected a header, found nothing: the file is empty', NO_HEADER);
    }
    return { name: source.name, header, system, end, findings, count, problems };
  }

  private fault(fault: LineFault, whole: boolean): RebekError {
    if (fault instanceof FormatFault) {
      return this.error(
        'FORMAT',
        fault.message,
        'it is of another version of Rebek; make it again with this one',
      );
    }
    if (this.number === 1) return this.error('HEADER', fault.message, NO_HEADER);
    return this.error(
      'LINE',
      whole ? fault.message : `it is cut off (${fault.message})`,
      whole ? undefined : 'the file is not all there is: make it again with rebek replay',
    );
  }

  private error(code: string, what: string, hint?: string): RebekError {
    const { number, source } = this;
    return new RebekError(`ERR_FINDINGS_${code}`, `${source.name}, line ${number}: ${what}`, {
      ...(hint !== undefined && { hint }),
      details: { file: source.name, line: number },
    });
  }
}

const named = (line: FindingLine | undefined): string =>
  line === undefined ? 'a finding' : line.kind === 'end' ? 'an end' : `a ${line.kind}`;
const NO_HEADER = 'a findings file is made by `rebek replay TRACE --hooks … -o findings.jsonl`';
