"""Speech: from recordings to what networks take, and from what they answer to words.

| file | what |
| --- | --- |
| `sound` | reading recordings: files of any rate, of one channel or several |
| `features` | cepstra or log-mel energies, their changes, the speaker's vector |
| `augmentation` | speed and noise |
| `utterances` | recordings of a speaker joined with silences |
| `decoding` | words from outputs frame by frame: greedy, or by a beam |
| `transcription` | a file's words |
"""
