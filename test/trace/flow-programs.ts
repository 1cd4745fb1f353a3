/** Made-up control flow: a program of nested loops and calls, run at random but with the same result each time. */

/** A generator of numbers below `limit`, always the same ones for a seed. */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = seed | 0;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 8) / 2 ** 24) * limit);
  };
}

type Node = { value: number; info: number; times?: number; inside?: Node[]; either?: Node[] };

/** Records, value and info in turn, of a program with `functions` functions; interrupted now and then. */
export function programFlow(seed: number, records: number, functions = 12): Uint32Array {
  const random = randomNumbers(seed);
  const made: Node[][] = [];
  let address = 0xc1000000;
  const block = (): Node => {
    address += 1 + random(60);
    return { value: address, info: 1 + random(20) };
  };
  for (let f = 0; f < functions; f++) {
    address += random(0x8000);
    const body: Node[] = [];
    for (let i = 2 + random(6); i > 0; i--) {
      const node = block();
      const what = random(4);
      if (what === 0) Object.assign(node, { times: 1 + random(40), inside: [block(), block()] });
      else if (what === 1) node.either = [block(), block()];
      else if (what === 2 && made.length > 0) node.inside = made[random(made.length)]!;
      body.push(node);
    }
    made.push(body);
  }
  const out = new Uint32Array(records * 2);
  let count = 0;
  const put = (value: number, info: number): void => {
    if (count === records) return;
    out[2 * count] = value;
    out[2 * count++ + 1] = info;
  };
  const run = (nodes: Node[]): void => {
    for (const node of nodes) {
      if (count === records) return;
      put(node.value, node.info);
      for (let i = node.times ?? 1; i > 0 && node.inside !== undefined; i--) run(node.inside);
      if (node.either !== undefined) run([node.either[random(2)]!]);
      if (random(3000) === 0) {
        put(32 + random(3), 2 << 16);
        run(made[0]!);
        put(node.value + 3, 3 << 16);
      }
    }
  };
  while (count < records) run(made[random(functions)]!);
  return out;
}
