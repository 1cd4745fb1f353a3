/** The matchers by name. */
import { RebekError } from '../../base/errors.ts';
import type { MatchedFunction, Matcher, MatcherHost } from './matcher.ts';
import { ReturnAddress } from './return-address.ts';
import { SingleSlot } from './single-slot.ts';
import { ThreadStack } from './thread-stack.ts';

export type MatcherName = 'thread-stack' | 'return-address' | 'single-slot';

/** All of them, the default first, each with what it does in a line. */
export const MATCHERS: readonly { readonly name: MatcherName; readonly description: string }[] = [
  {
    name: 'thread-stack',
    description: 'a shadow stack for each stack of each thread; every way to end told',
  },
  {
    name: 'return-address',
    description: 'a list of return addresses with address space and EBP, as in Ether and Qebek',
  },
  { name: 'single-slot', description: 'one variable for each function, as in the demo of 2009' },
];

export const DEFAULT_MATCHER: MatcherName = 'thread-stack';

/** @throws RebekError ERR_HOOKS_MATCHER */
export function createMatcher<F extends MatchedFunction>(name: string, host: MatcherHost<F>): Matcher<F> {
  switch (name) {
    case 'thread-stack':
      return new ThreadStack(host);
    case 'return-address':
      return new ReturnAddress(host);
    case 'single-slot':
      return new SingleSlot(host);
    default:
      throw new RebekError('ERR_HOOKS_MATCHER', `there is no matcher '${name}'`, {
        hint: MATCHERS.map((matcher) => `${matcher.name}: ${matcher.description}`).join('\n'),
        details: { matcher: name, matchers: MATCHERS.map((matcher) => matcher.name) },
      });
  }
}
