/** How much better an order did than at its epoch's reference. */

import type { Token } from "../../api/types";
import { tokenAmount, tokenName } from "../../format";
import { type OrderStatus, advantage } from "../sdk";

/** Quote units over the whole fill: positive where the trader did better; null without a fill or a reference. */
export function improvement({ placed, fill, price, reference }: OrderStatus): bigint | null {
  if (!fill || price === null || reference === null) return null;
  return advantage(placed.terms.side, reference, price, fill);
}

/** An advantage in quote units, with its sign. */
export function Against({ units, token }: { units: bigint | null; token: Token | undefined }) {
  if (units === null || !token) return <>–</>;
  return (
    <span className={units < 0n ? "bad" : units > 0n ? "good" : undefined}>
      {units > 0n ? "+" : ""}
      {tokenAmount(units, token)} {tokenName(token)}
    </span>
  );
}
