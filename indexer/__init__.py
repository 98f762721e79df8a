"""From chain to answers: SQL, the audit view, the explorer."""
