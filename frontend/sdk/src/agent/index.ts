/** An institution's agent, over its gateway. */

export { AgentClient, type Following } from "./client";
export type * from "./types";
