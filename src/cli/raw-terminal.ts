/**
 * The terminal as the guest's serial console: every key goes to the guest, every byte comes to the screen. The
 * terminal is put back as it was however the process ends, SIGKILL aside.
 */

import { spawnSync } from 'node:child_process';

/** Ctrl-], as in telnet: the key that is not the guest's. */
const ESCAPE_KEY = 0x1d;
const saveTitle = '\x1b[22;0t';
const restoreTitle = '\x1b[23;0t';
/**
 * What a guest may have left switched on: colours, a hidden cursor, mouse reports, bracketed paste, application
 * keys, line-drawing characters, a scrolling region (xterm's control sequences). Then what it drew below is erased.
 */
const undo =
  '\x1b[0m\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b(B\x0f\x1b7\x1b[r\x1b8\r\n\x1b[J';
/** Back from the other screen that editors use, and to where the cursor was before. */
const leaveOtherScreen = '\x1b[?1049l';

/** Behind an ESC. */
const screenSwitch = /\[\?(?:1049|1047|47)([hl])/g;

export interface RawTerminalOptions {
  /** Keys for the guest. */
  readonly onInput: (bytes: Uint8Array) => void;
  /** Ctrl-], or the terminal is gone. */
  readonly onEnd: () => void;
}

export class RawTerminal {
  private open = true;
  private readonly hasSequences = (process.env['TERM'] ?? 'dumb') !== 'dumb';
  private readonly hasTitle = this.hasSequences && process.env['TERM'] !== 'linux';
  private readonly options: RawTerminalOptions;
  /** The guest has switched to the other screen; leaving it without need would move the cursor. */
  private otherScreen = false;
  private readonly restoreAtExit = (): void => this.close();

  /** Standard input and output must be terminals. */
  constructor(options: RawTerminalOptions) {
    this.options = options;
    process.on('exit', this.restoreAtExit);
    process.stdin.setRawMode(true);
    // Node's raw mode still makes CR LF of the guest's LF, which full-screen programs mean as "one down".
    spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] });
    process.stdin.on('data', this.onData);
    process.stdin.on('end', options.onEnd);
    process.stdin.on('error', options.onEnd);
    process.stdin.resume();
    if (this.hasTitle) process.stdout.write(saveTitle);
  }

  /** What the guest printed. */
  write(bytes: Uint8Array): void {
    const switches = Buffer.from(bytes).toString('latin1').matchAll(screenSwitch);
    for (const [, to] of switches) this.otherScreen = to === 'h';
    process.stdout.write(bytes);
  }

  /** Names the window. Not while the guest prints: it could fall into the middle of a control sequence. */
  title(text: string): void {
    if (this.open && this.hasTitle) process.stdout.write(`\x1b]0;${text}\x07`);
  }

  /** Puts everything back; may be called more than once. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    process.off('exit', this.restoreAtExit);
    process.stdin.off('data', this.onData);
    process.stdin.off('end', this.options.onEnd);
    process.stdin.pause();
    try {
      process.stdin.setRawMode(false);
      const screen = this.otherScreen ? leaveOtherScreen : '';
      const title = this.hasTitle ? restoreTitle : '';
      process.stdout.write(this.hasSequences ? `${screen}${undo}${title}` : '\r\n');
    } catch {
      // The terminal was hung up.
    }
  }

  private readonly onData = (bytes: Buffer): void => {
    const end = bytes.indexOf(ESCAPE_KEY);
    const keys = end < 0 ? bytes : bytes.subarray(0, end);
    if (keys.length > 0) this.options.onInput(keys);
    if (end >= 0) this.options.onEnd();
  };
}
