import { useEffect } from "react";

import { query, useApi } from "../api/client";
import type { SearchHit } from "../api/types";
import { Link, navigate, useQuery } from "../router";
import { Badge, Page, Show } from "../ui/parts";

export function Search() {
  const [text] = useQuery("q");
  const answer = useApi<{ items: SearchHit[] }>(text ? query("/v1/search", { q: text }) : null);
  const only = answer.data?.items.length === 1 ? answer.data.items[0]!.path : null;
  useEffect(() => {
    if (only) navigate(only, { replace: true });
  }, [only]);
  return (
    <Page title="Search" lead={text ? `For “${text}”` : "A hash, a word, an address, or an epoch such as 0/12."}>
      {text && (
        <Show answer={answer}>
          {({ items }) =>
            items.length ? (
              <ul className="hits">
                {items.map((hit) => (
                  <li key={hit.path + hit.label}>
                    <Badge tone="plain">{hit.kind}</Badge>
                    <Link href={hit.path}>{hit.label}</Link>
                  </li>
                ))}
              </ul>
            ) : (
              <p className="empty">
                Nothing here bears that name. Hashes and words are looked up whole; epochs as market/number.
              </p>
            )
          }
        </Show>
      )}
    </Page>
  );
}
