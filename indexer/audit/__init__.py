"""The auditor's tools: what the index holds, opened with a key that never leaves the machine."""
