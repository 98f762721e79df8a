/** How much better an order did than at its epoch's reference. */

import type { OrderStatus } from "../sdk";

/** Quote units over the whole fill: positive where the trader did better; null without a fill or a reference. */
export function improvement({ placed, fill, price, reference }: OrderStatus): bigint | null {
  if (!fill || price === null || reference === null) return null;
  const each = placed.terms.side === 0 ? reference - price : price - reference;
  return each * fill;
}
