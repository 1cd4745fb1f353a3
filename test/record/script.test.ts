/** The script language: what is accepted, what is refused and how, and that print and parse are inverse. */
import test from 'ava';
import fc from 'fast-check';
import { RebekError } from '../../src/base/errors.ts';
import { type Action, parseScript, printScript, type Step } from '../../src/record/script.ts';
import { ByteDecoder, decodeBytes, encodeText, printable } from '../../src/record/script-text.ts';

const withoutLines = (steps: readonly Step[]): Action[] => steps.map(({ line: _, ...action }) => action);

/** The one step of a line. */
function step(line: string): Action {
  return withoutLines(parseScript(line, 's').steps)[0]!;
}

/** The one complaint about a text. */
function complaint(text: string): string {
  try {
    parseScript(text, 'a.script');
  } catch (error) {
    if (error instanceof RebekError && error.code === 'ERR_SCRIPT_SYNTAX') return error.message;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

test('every kind of step', (t) => {
  const text = [
    '# log in',
    'timeout 90',
    'wait "login: "   # the getty',
    '  send "root\\n"',
    '',
    'wait /[#$] $/im',
    'console 1',
    'sleep 1.5#s',
    'log "half # way"',
    'end# really',
  ].join('\r\n');
  t.deepEqual(parseScript(text, 's').steps, [
    { kind: 'timeout', seconds: 90, line: 2 },
    { kind: 'wait', pattern: { kind: 'text', text: 'login: ' }, line: 3 },
    { kind: 'send', text: 'root\n', line: 4 },
    { kind: 'wait', pattern: { kind: 'regex', source: '[#$] $', flags: 'im' }, line: 6 },
    { kind: 'console', port: 1, line: 7 },
    { kind: 'sleep', seconds: 1.5, line: 8 },
    { kind: 'log', text: 'half # way', line: 9 },
    { kind: 'end', line: 10 },
  ]);
});

test('escapes in strings', (t) => {
  const bytes = (line: string): string => {
    const action = step(line);
    return action.kind === 'send' ? Buffer.from(encodeText(action.text)).toString('hex') : 'not a send';
  };
  t.is(bytes(String.raw`send "\x03"`), '03');
  t.is(bytes(String.raw`send "\u00e9é\xe9"`), 'c3a9c3a9e9');
  t.is(bytes(String.raw`send "\ud83d\ude00"`), 'f09f9880');
  t.is(bytes(String.raw`send "\n\r\t\b\f\e\"\\\/"`), '0a0d09080c1b225c2f');
  t.is(bytes(String.raw`send "\xc3\xa9"`), 'c3a9');
});

test('regular expressions end at the right slash', (t) => {
  t.like(step(String.raw`wait /a\/b[/\]]c/s`), { pattern: { source: String.raw`a\/b[/\]]c`, flags: 's' } });
});

const wrong: [string, string, string][] = [
  [
    'an unknown word',
    'expect "x"',
    '1:1: expected wait, send, sleep, timeout, console, log or end, found expect "x"',
  ],
  ['no pattern', 'wait', '1:5: expected "text" or /regular expression/, found the end of the line'],
  ['single quotes', "send 'x'", "1:6: expected a string in double quotes, found 'x'"],
  ['an open string', 'send "x', '1:8: expected a closing double quote, found the end of the line'],
  ['an unknown escape', String.raw`send "a\q"`, String.raw`found \q`],
  ['a short hexadecimal escape', String.raw`send "\x3"`, String.raw`found \x`],
  ['half a surrogate pair', String.raw`send "\ud83d"`, 'found half of one'],
  ['an empty wait', 'wait ""', '1:6: expected some text to wait for, found an empty string'],
  ['an empty expression', 'wait //', '1:6: expected a regular expression, found an empty one'],
  ['an open expression', 'wait /ab', '1:6: expected a regular expression that ends with /, found /ab'],
  ['a wrong expression', 'wait /(/', '1:6: expected a regular expression, found one that JavaScript refuses'],
  ['a flag about repetition', 'wait /a/g', '1:9: expected flags out of i, m, s, u and v, found g'],
  ['more than a step', 'send "x" "y"', '1:10: expected nothing more on this line, found "y"'],
  ['no number', 'sleep soon', '1:7: expected a number of seconds'],
  ['a unit', 'sleep 5s', '1:7: expected a number of seconds'],
  ['a negative number', 'sleep -1', '1:7: expected a number of seconds'],
  ['no time at all', 'timeout 0', '1:9: expected a number of seconds above 0'],
  ['for ever', 'sleep 1e9', '1:7: expected at most 1000000 seconds'],
  ['a port too many', 'console 4', '1:9: expected a serial port, 0 to 3, found 4'],
  ['a word run together', 'sleep1.5', '1:1: expected wait, send'],
];
for (const [name, text, expected] of wrong) {
  test(`refused: ${name}`, (t) => {
    const message = complaint(text);
    t.true(message.startsWith('a.script:1:') && message.includes(expected), message);
  });
}

test('every wrong line is told, up to a limit', (t) => {
  t.deepEqual(complaint('wait\nend\nsleep x').split('\n').length, 2);
  t.regex(complaint('x\n'.repeat(50)), /… and 40 more$/);
});

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: 'binary' }).map((s) => Buffer.from(s)),
);

test('bytes survive the way through text', (t) => {
  fc.assert(fc.property(bytes, (data) => Buffer.compare(encodeText(decodeBytes(data)), data) === 0));
  t.pass();
});

test('decoding in pieces gives what decoding at once gives', (t) => {
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(40)), (data, cuts) => {
      const decoder = new ByteDecoder();
      let text = '';
      let at = 0;
      for (const cut of [...cuts.sort((a, b) => a - b), data.length]) {
        text += decoder.push(data.subarray(at, cut));
        at = Math.min(Math.max(at, cut), data.length);
      }
      const whole = decodeBytes(data);
      return whole.startsWith(text) && encodeText(whole.slice(text.length)).length < 4;
    }),
  );
  t.pass();
});

test('valid UTF-8 is plain text', (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => decodeBytes(Buffer.from(text)) === text));
  t.pass();
});

test('printable text has no control characters', (t) => {
  fc.assert(fc.property(bytes, (data) => !/[\p{Cc}\p{Cf}\p{Cs}]/u.test(printable(decodeBytes(data)))));
  t.is(printable('\x1b]0;x\x07é"\u202e'), String.raw`\x1b]0;x\x07é\"\u202e`);
});

const text = bytes.map((data) => decodeBytes(data));
const regex = fc
  .record({
    source: fc.stringMatching(/^[a-z.*+?^$|()[\]\\/ #"]{1,12}$/),
    flags: fc.constantFrom('', 'i', 'ms', 'u'),
  })
  .filter(({ source, flags }) => {
    try {
      // A source as a literal has it: slashes outside of classes escaped.
      return new RegExp(source, flags).source === source;
    } catch {
      return false;
    }
  });
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    kind: fc.constant('wait'),
    pattern: text.filter((s) => s !== '').map((s) => ({ kind: 'text', text: s })),
  }),
  fc.record({ kind: fc.constant('wait'), pattern: regex.map((found) => ({ kind: 'regex', ...found })) }),
  fc.record({ kind: fc.constantFrom('send', 'log'), text }),
  fc.record({
    kind: fc.constant('sleep'),
    seconds: fc.double({ min: 0, max: 1e6, noNaN: true }).map(Math.abs),
  }),
  fc.record({ kind: fc.constant('timeout'), seconds: fc.double({ min: 1e-9, max: 1e6, noNaN: true }) }),
  fc.record({ kind: fc.constant('console'), port: fc.nat(3) }),
  fc.constant({ kind: 'end' }),
) as fc.Arbitrary<Action>;

test('print and parse are inverse', (t) => {
  fc.assert(
    fc.property(fc.array(action), (steps) => {
      t.deepEqual(withoutLines(parseScript(printScript({ steps }), 's').steps), steps);
    }),
  );
});

test('whatever text: it parses, or is refused with a place', (t) => {
  const word = fc.constantFrom('wait ', 'send ', 'sleep ', 'end', '"', '/', '\\', 'x', '#', '1', ' ', '\n');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(word).map((words) => words.join('')),
      ),
      (input) => {
        try {
          parseScript(input, 'f');
        } catch (error) {
          t.regex((error as Error).message, /^f:\d+:\d+: expected /);
        }
      },
    ),
  );
  t.pass();
});
