/** What guests send is shown to people: it must neither command their terminal nor make the command fail. */
import test from 'ava';
import fc from 'fast-check';
import { describeFrame } from '../../src/cli/frame.ts';
import { TerminalFilter } from '../../src/cli/terminal-filter.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const sequences: [string, string, string][] = [
  ['plain text and line ends', 'a\tb\r\nc\bd', 'a\tb\r\nc\bd'],
  ['colours', '\x1b[1;31mred\x1b[0m', 'red'],
  ['a window title, ended by BEL or ST', '\x1b]0;title\x07a\x1b]2;title\x1b\\b', 'ab'],
  ['the clipboard', '\x1b]52;c;aGk=\x07x', 'x'],
  ['questions that the terminal answers', '\x1b[6n\x1b[c\x1bZ\x05x', 'x'],
  ['device control strings', '\x1bP$qm\x1b\\x', 'x'],
  ['character sets', '\x1b(0x\x1b#8y', 'xy'],
  ['a sequence that another one cuts off', '\x1b[31\x1b[1mx', 'x'],
  ['a line end within a sequence', '\x1b[3\n1mx', '\nx'],
  ['C1 control characters', 'a\xc2\x9b31mb', 'a31mb'],
  ['UTF-8', '\xc3\xa4\xe2\x82\xac', 'ä€'],
  ['bytes that are not UTF-8', 'a\xffb', 'a\ufffdb'],
];

for (const [what, input, shown] of sequences) {
  test(`a terminal that only watches is not given: ${what}`, (t) => {
    t.is(new TerminalFilter().push(bytes(input)), shown);
    const slowly = new TerminalFilter();
    t.is([...bytes(input)].map((byte) => slowly.push(Uint8Array.of(byte))).join(''), shown);
  });
}

test('nothing that a guest prints reaches a watching terminal as a control sequence', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (bursts) => {
      const filter = new TerminalFilter();
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
      for (const burst of bursts) t.notRegex(filter.push(burst), /[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]/);
    }),
  );
});

const ethernet = (type: string, payload: string): Uint8Array =>
  Buffer.from(`0022158600640011223344 55${type}${payload}`.replaceAll(' ', ''), 'hex');

test('frames are told by who talks to whom, and how', (t) => {
  const frames: [Uint8Array, string][] = [
    [
      ethernet('0806', '0001080006040001 001122334455 c0a85601 000000000000 c0a85664'),
      'ARP who has 192.168.86.100? tell 192.168.86.1',
    ],
    [
      ethernet('0806', '0001080006040002 001122334455 c0a85601 002215860064 c0a85664'),
      'ARP 192.168.86.1 is at 00:11:22:33:44:55',
    ],
    [
      ethernet('0800', '4500001c00004000 40010000 c0a85664 c0a85601 0800000000000000'),
      'ICMP 192.168.86.100 → 192.168.86.1 echo request',
    ],
    [
      ethernet('0800', '4500001c00004000 40110000 c0a85664 c0a85601 d431003500080000'),
      'UDP 192.168.86.100:54321 → 192.168.86.1:53',
    ],
    [
      ethernet(
        '0800',
        '4500002a00004000 40060000 c0a85664 c0a85601 d4310016 0000000100000002 5018ffff00000000 6869',
      ),
      'TCP 192.168.86.100:54321 → 192.168.86.1:22 PSH ACK, 2 bytes of data',
    ],
    [ethernet('86dd', '60'), 'IPv6'],
    [ethernet('88cc', ''), 'type 0x88cc'],
    [ethernet('0800', '45'), 'IPv4, cut short'],
  ];
  for (const [frame, text] of frames) {
    const line = describeFrame(frame);
    t.true(line.endsWith(`00:11:22:33:44:55 → 00:22:15:86:00:64  ${text}`), line);
    t.true(line.trimStart().startsWith(`${frame.length} bytes`));
  }
});

test('no frame, however mangled, is too much', (t) => {
  const type = fc.constantFrom('0800', '0806', '86dd', '1234');
  fc.assert(
    fc.property(type, fc.uint8Array({ maxLength: 60 }), fc.nat(80), (kind, payload, length) => {
      if (payload.length > 0 && kind === '0800') payload[0] = 0x40 | (payload[0]! & 15);
      const frame = ethernet(kind, Buffer.from(payload).toString('hex')).subarray(0, length);
      t.regex(describeFrame(frame), /^ *\d+ bytes\S* {1,2}\S[^\n]*$/);
    }),
  );
});
