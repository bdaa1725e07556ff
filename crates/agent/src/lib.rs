//! The turn's loop inside the jail: prompt, model answer, next proposal.
